import type { Accepted, Once, Target } from '../db/store.ts'
import type { App, Call } from './record.ts'

/** Stores a user message with its run, subscribes the connection that sent it, and wakes the agent: after the commit. */
export async function acceptMessage(
  app: App,
  call: Call,
  message: { target: Target; text: string; senderName?: string | undefined },
): Promise<Once<Accepted>> {
  const accepted = await app.store.sendMessage({
    ...message,
    messageId: app.newId(),
    runId: app.newId(),
    tokenId: call.tokenId,
    at: app.clock.now(),
    request: call.request,
  })
  const { sessionId, epoch, seq } = accepted
  // From just before the message, because its sender sees it as an entry too.
  call.afterReply(() => call.connection?.follow({ sessionId, epoch, after: seq - 1 }))
  if (!accepted.duplicate) app.tracing.bindRun(accepted.runId, call.trace)
  app.runs.wake(sessionId)
  return accepted
}
