import { gateway } from '../connection.ts'
import type { Inbox } from './inbox.ts'

/** Keeps an inbox as the gateway has it; returns the way to stop. `now` is the gateway's clock. */
export function watchApprovals(inbox: Inbox, now: () => number): () => void {
  const client = gateway()
  const read = async () => {
    // What could not be read stays as it is; the next connection reads it again.
    const listed = await client.request('approval.list', {}).catch(() => undefined)
    if (listed) inbox.replace(listed)
  }
  const stops = [
    client.on('approval.requested', approval => inbox.asked(approval)),
    client.on('approval.resolved', end => {
      inbox.resolved(end, now())
      if (end.remember) read()
    }),
    // What was decided while the connection was lost, nobody tells of again.
    client.onState(({ status }) => {
      if (status === 'open') read()
    }),
  ]
  if (client.state.status === 'open') read()
  return () => {
    for (const stop of stops) stop()
  }
}
