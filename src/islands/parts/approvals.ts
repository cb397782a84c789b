import { signal } from '@preact/signals'
import type { Client } from '../../client/index.ts'
import type { EventPayload } from '../../protocol/messages.ts'

export type Waiting = EventPayload<'approval.requested'>

// Written in browsers only, where a tab has one user. The gateway bounds how many wait.
const waiting = signal<ReadonlyMap<string, Waiting> | undefined>(undefined)

/** The calls that wait for a person, by their id, oldest first; undefined until the gateway was heard. */
export const waitingApprovals = waiting

/** Follows them over a connection that is about to open. Whoever may not approve is sent none. */
export function keepApprovals(client: Client): void {
  let wasOpen = false
  client.onState(({ status }) => {
    // Those that wait already follow each welcome.
    if (status === 'open' && !wasOpen) waiting.value = new Map()
    wasOpen = status === 'open'
  })
  client.on('approval.requested', approval => {
    waiting.value = new Map(waiting.peek()).set(approval.approvalId, approval)
  })
  client.on('approval.resolved', ({ approvalId }) => {
    const left = new Map(waiting.peek())
    left.delete(approvalId)
    waiting.value = left
  })
}
