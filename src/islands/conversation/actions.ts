import { batch } from '@preact/signals'
import { randomId } from '../../client/requests.ts'
import type { Message } from '../../protocol/shapes.ts'
import { gateway } from '../connection.ts'
import { sentence } from '../parts/sentence.ts'
import type { Conversation } from './live.ts'

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
  const { pending, head, epoch } = conversation
  const isShown = accepted.epoch !== epoch.peek() || accepted.seq <= head.peek()
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

/** Asks for another answer to the newest message of a person, by sending it again. */
export async function retry(conversation: Conversation): Promise<void> {
  const text = lastQuestion(conversation.messages.peek())
  if (text !== undefined) await send(conversation, text, randomId())
}

/** The newest message of a person; undefined where it lies before what is loaded. */
export function lastQuestion(messages: readonly Message[]): string | undefined {
  return messages.findLast(({ role }) => role === 'user')?.content
}

/** Makes a session of what was said up to an entry; its address. @throws TalonClientError */
export async function fork(conversation: Conversation, atSeq: number): Promise<string> {
  const asked = { sessionId: conversation.sessionId, epoch: conversation.epoch.peek(), atSeq }
  const { sessionId } = await gateway().request('session.fork', asked)
  return sessionId
}

/** Makes a session in which a message says something else, and goes there. False if that failed. */
export async function sendInFork(conversation: Conversation, seq: number, text: string): Promise<boolean> {
  try {
    const sessionId = await fork(conversation, seq - 1)
    await gateway().request('session.send_message', { sessionId, text })
    location.assign(`/sessions/${encodeURIComponent(sessionId)}`)
    return true
  } catch (error) {
    conversation.problem.value = sentence('The message was not sent in a fork.', error)
    return false
  }
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
