import { effect } from '@preact/signals'
import type { EventPayload } from '../../protocol/messages.ts'
import { gateway, isOpen } from '../connection.ts'

export type Sample = EventPayload<'metrics.sample'>

/** The pace of the finest points that the gateway keeps. */
export const sampleEveryMs = 5_000

// Those of this tab, which has one user; nobody listens on the server.
const listeners = new Set<(sample: Sample) => void>()
let isSubscribed = false

/** Calls back with the gateway's figures as they come; returns the way to stop. All who watch share one subscription. */
export function watchFigures(listener: (sample: Sample) => void): () => void {
  listeners.add(listener)
  if (!isSubscribed) subscribe()
  isSubscribed = true
  return () => {
    listeners.delete(listener)
  }
}

/** For as long as the page lives: a connection that ends takes its subscription with it, and the next one has to ask. */
function subscribe(): void {
  const client = gateway()
  client.on('metrics.sample', sample => {
    for (const listener of listeners) listener(sample)
  })
  effect(() => {
    // What is refused now is asked for again at the next connection; the figures stay as they are meanwhile.
    if (isOpen.value) client.request('metrics.subscribe', { intervalMs: sampleEveryMs }).catch(() => undefined)
  })
}
