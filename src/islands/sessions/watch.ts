import { effect } from '@preact/signals'
import type { SessionItem, SessionState } from '../../protocol/shapes.ts'
import { gateway, isOpen } from '../connection.ts'

/** What of the list one looks at. */
export interface ListFilter {
  channel?: string
  senderId?: string
  state?: SessionState
  query?: string
  order?: 'oldest'
  limit: number
}

// A busy gateway changes its list many times a second; nobody reads it faster than this.
const refreshMs = 1_000

/** Reads a page of the list at every connection and after changes; returns the way to stop. */
export function watchSessions(filter: ListFilter, show: (sessions: SessionItem[]) => void): () => void {
  const client = gateway()
  let timer: ReturnType<typeof setTimeout> | undefined
  const read = async () => {
    timer = undefined
    // A list that could not be read stays as it is; the next change or connection reads it again.
    const page = await client.request('session.list', { ...filter, watch: true }).catch(() => undefined)
    if (page) show(page.sessions)
  }
  const later = () => {
    timer ??= setTimeout(read, refreshMs)
  }
  const stops = [
    effect(() => {
      if (isOpen.value) read()
    }),
    client.on('session.created', later),
    client.on('session.updated', later),
    client.on('session.deleted', later),
  ]
  return () => {
    clearTimeout(timer)
    for (const stop of stops) stop()
  }
}
