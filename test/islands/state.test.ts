import { expect, test } from 'vitest'
import { createConversation } from '../../src/islands/conversation/live.ts'
import { addDelta, itemsOf, withoutEntry } from '../../src/islands/conversation/state.ts'
import type { Message } from '../../src/protocol/shapes.ts'

const message = (seq: number, role: Message['role'], content: string, more: Partial<Message> = {}): Message => ({
  ...{ id: `m${seq}`, seq, role, content, timestamp: 1_000 * seq },
  ...more,
})
const start = (messages: Message[] = []) =>
  createConversation({ sessionId: 's', epoch: 1, messages, hasOlder: false, run: null, answer: null })
const inLog = (entry: Message) =>
  ({ type: 'session.message', payload: { sessionId: 's', message: entry }, epoch: 1, seq: entry.seq }) as const

test('pieces of an answer append in order; a repeated piece changes nothing', () => {
  const first = addDelta(null, { runId: 'r', delta: 'one ', index: 0 })
  const second = addDelta(first, { runId: 'r', delta: 'two ', index: 1 })
  expect(addDelta(second, { runId: 'r', delta: 'two ', index: 1 })).toBe(second)
  expect(addDelta(second, { runId: 'r', delta: 'three four', index: 3 }).text).toBe('one two three four')
  expect(addDelta(second, { runId: 'other', delta: 'new', index: 0 }).text).toBe('new')
})

test('a snapshot replaces what was streamed, and the final entry replaces both', () => {
  const conversation = start()
  const ofRun = { sessionId: 's', runId: 'r' }
  conversation.apply({ type: 'session.message.delta', payload: { ...ofRun, delta: 'lost pie', index: 4 } })
  conversation.apply({ type: 'session.message.snapshot', payload: { ...ofRun, text: 'all so far', index: 7 } })
  expect(conversation.answer.value?.text).toBe('all so far')
  conversation.apply({ type: 'session.message.delta', payload: { ...ofRun, delta: ' again', index: 7 } })
  expect(conversation.answer.value?.text).toBe('all so far')
  const final = message(1, 'assistant', 'the stored text', { runId: 'r' })
  conversation.apply({ type: 'session.message.final', payload: { ...ofRun, message: final }, epoch: 1, seq: 1 })
  expect(conversation.answer.value).toBeNull()
  expect(conversation.messages.value).toEqual([final])
})

test('an entry that is shown already is not shown again', () => {
  const conversation = start([message(1, 'user', 'hi')])
  conversation.apply(inLog(message(1, 'user', 'hi')))
  conversation.apply(inLog(message(2, 'assistant', 'hello')))
  expect(conversation.messages.value.map(entry => entry.seq)).toEqual([1, 2])
  expect(conversation.position()).toEqual({ epoch: 1, after: 2 })
})

test('text that was stored with a tool call is not streamed a second time', () => {
  const conversation = start()
  const ofRun = { sessionId: 's', runId: 'r' }
  conversation.apply({ type: 'session.message.delta', payload: { ...ofRun, delta: 'I look.', index: 0 } })
  conversation.apply(inLog(message(1, 'assistant', 'I look.', { toolCalls: [{ id: 'c', name: 't', args: {} }] })))
  expect(conversation.answer.value?.text).toBe('')
  conversation.apply({ type: 'session.message.delta', payload: { ...ofRun, delta: 'Found.', index: 1 } })
  expect(conversation.answer.value?.text).toBe('Found.')
})

test('a tool call and its answer are one item, with what is known live', () => {
  const call = message(1, 'assistant', '', {
    runId: 'r',
    toolCalls: [{ id: 'c', name: 'clock', args: { zone: 'UTC' } }],
  })
  const answer = message(2, 'tool', 'noon', { runId: 'r', toolCallId: 'c' })
  const live = { 'r/c': { callId: 'c', toolName: 'clock', args: {}, success: true, durationMs: 5, output: 'noon' } }
  expect(itemsOf([call, answer], live)).toEqual([
    {
      kind: 'tool',
      key: 'r/c',
      runId: 'r',
      use: { callId: 'c', toolName: 'clock', args: { zone: 'UTC' }, success: true, durationMs: 5, output: 'noon' },
    },
  ])
})

test('calls of two runs with the same id are two items, each with its own answer', () => {
  const ofRun = (runId: string, seq: number, content: string) => [
    message(seq, 'assistant', '', { runId, toolCalls: [{ id: 'call_1', name: 'clock', args: {} }] }),
    message(seq + 1, 'tool', content, { runId, toolCallId: 'call_1' }),
  ]
  const items = itemsOf([...ofRun('a', 1, 'first'), ...ofRun('b', 3, 'second')], {})
  expect(items.map(item => item.kind === 'tool' && item.use.output)).toEqual(['first', 'second'])
})

test('an answer whose call is on an older page is shown by itself', () => {
  const items = itemsOf([message(9, 'tool', 'noon', { runId: 'r', toolCallId: 'c' })], {})
  expect(items).toMatchObject([{ kind: 'tool', use: { toolName: 'Tool', output: 'noon' } }])
})

test('a waiting message gives way to its own entry, not to one of the same words', () => {
  const waiting = [
    { requestId: 'a', text: 'hi', messageId: 'm7' },
    { requestId: 'b', text: 'hi' },
  ]
  expect(withoutEntry(waiting, message(7, 'user', 'hi'))).toEqual([waiting[1]])
  expect(withoutEntry(waiting, message(8, 'user', 'hi'))).toEqual([waiting[0]])
  expect(withoutEntry(waiting, message(9, 'user', 'else'))).toBe(waiting)
})

test('a failed run says why and leaves no half answer', () => {
  const conversation = start()
  const ofRun = { sessionId: 's', runId: 'r' }
  conversation.apply({ type: 'run.started', payload: { ...ofRun, state: 'running' } })
  conversation.apply({ type: 'session.message.delta', payload: { ...ofRun, delta: 'half', index: 0 } })
  conversation.apply({ type: 'run.finished', payload: { ...ofRun, state: 'failed', error: 'The provider is down.' } })
  expect(conversation.run.value).toBeNull()
  expect(conversation.answer.value).toBeNull()
  expect(conversation.problem.value).toBe('The provider is down.')
})

test('a reset empties the page and goes on in the new epoch', () => {
  const conversation = start([message(1, 'user', 'hi')])
  conversation.apply({ type: 'reset', epoch: 2 })
  expect(conversation.messages.value).toEqual([])
  expect(conversation.position()).toEqual({ epoch: 2, after: 0 })
})

test('a page that stays open keeps the newest thousand entries', () => {
  const conversation = start()
  for (let seq = 1; seq <= 1_005; seq++) conversation.apply(inLog(message(seq, 'user', 'x')))
  expect(conversation.messages.value.length).toBe(1_000)
  expect(conversation.messages.value[0]?.seq).toBe(6)
  expect(conversation.hasOlder.value).toBe(true)
})
