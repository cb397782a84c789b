import { batch } from '@preact/signals'
import { gateway } from '../connection.ts'
import type { Conversation } from './live.ts'

// As many as the server renders at first.
const olderPageSize = 50

/** Sends a message under an id of its own, shown at once. False if it was not accepted: then the text is still the writer's. */
export async function send(conversation: Conversation, text: string, requestId: string): Promise<boolean> {
  const { sessionId, pending, problem } = conversation
  problem.value = undefined
  pending.value = [...pending.peek(), { requestId, text }]
  try {
    const accepted = await gateway().request('session.send_message', { sessionId, text }, { id: requestId })
    batch(() => accept(conversation, requestId, accepted))
    return true
  } catch (error) {
    pending.value = pending.peek().filter(waiting => waiting.requestId !== requestId)
    problem.value = sentence('The message was not sent.', error)
    return false
  }
}

/** The reply and the entry may come in either order. */
function accept(
  conversation: Conversation,
  requestId: string,
  accepted: { messageId: string; epoch: number; seq: number },
): void {
  const { pending, messages, epoch } = conversation
  const isShown = accepted.epoch !== epoch.peek() || accepted.seq <= (messages.peek().at(-1)?.seq ?? 0)
  pending.value = pending
    .peek()
    .filter(waiting => waiting.requestId !== requestId || !isShown)
    .map(waiting => (waiting.requestId === requestId ? { ...waiting, messageId: accepted.messageId } : waiting))
}

/** Stops the answer that is being written. */
export async function stop(conversation: Conversation): Promise<void> {
  try {
    await gateway().request('session.cancel', { sessionId: conversation.sessionId })
  } catch (error) {
    conversation.problem.value = sentence('The answer could not be stopped.', error)
  }
}

/** Puts the page before the oldest message on top. */
export async function loadOlder(conversation: Conversation): Promise<void> {
  const { sessionId, messages, epoch, hasOlder, problem } = conversation
  const before = messages.peek()[0]?.seq
  if (before === undefined) return
  try {
    const asked = { sessionId, epoch: epoch.peek(), before, limit: olderPageSize }
    const page = await gateway().request('session.history', asked)
    if (page.epoch !== epoch.peek() || messages.peek()[0]?.seq !== before) return
    batch(() => {
      messages.value = [...page.messages, ...messages.peek()]
      hasOlder.value = page.hasMore
    })
  } catch (error) {
    problem.value = sentence('Older messages could not be loaded.', error)
  }
}

/** What happened, and why, for people. */
export function sentence(what: string, error: unknown): string {
  return error instanceof Error ? `${what} ${error.message}` : what
}

/** Follows the log from where the page ends; returns the way to stop. `onResumed` hears how much a lost connection missed. */
export function follow(conversation: Conversation, onResumed: (replayed: number) => void): () => void {
  let isFirst = true
  const onEnd = (error?: Error) => {
    if (error) conversation.problem.value = sentence('This conversation is not updated any more.', error)
  }
  return gateway().subscribe(conversation.sessionId, { ...conversation.position(), onEnd }, event => {
    conversation.apply(event)
    if (event.type !== 'session.resumed') return
    if (!isFirst) onResumed(event.payload.replayed)
    isFirst = false
  })
}
