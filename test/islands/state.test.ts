import { expect, test } from 'vitest'
import { createConversation, maxMessages } from '../../src/islands/conversation/live.ts'
import { loadAround } from '../../src/islands/conversation/paging.ts'
import { idAfter, knownTools } from '../../src/islands/conversation/records.ts'
import { costUsd, withRun } from '../../src/islands/conversation/spending.ts'
import { addDelta, itemsOf, withoutEntry } from '../../src/islands/conversation/state.ts'
import { suggest, written } from '../../src/islands/conversation/suggestions.ts'
import type { Message } from '../../src/protocol/shapes.ts'
import { createIds } from '../../src/server/ids.ts'

const message = (seq: number, role: Message['role'], content: string, more: Partial<Message> = {}): Message => ({
  ...{ id: `m${seq}`, seq, role, content, timestamp: 1_000 * seq },
  ...more,
})
const beginning = { sessionId: 's', epoch: 1, hasOlder: false, run: null, answer: null }
const start = (messages: Message[] = []) => createConversation({ ...beginning, messages })
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
      seqs: [1, 2],
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

test('a page that stays open keeps the newest entries, as many as it can show', () => {
  const conversation = start()
  for (let seq = 1; seq <= maxMessages + 5; seq++) conversation.apply(inLog(message(seq, 'user', 'x')))
  expect(conversation.messages.value.length).toBe(maxMessages)
  expect(conversation.messages.value[0]?.seq).toBe(6)
  expect(conversation.hasOlder.value).toBe(true)
})

test('whoever reads further up gets new entries when they come down, and none is shown with a gap before it', () => {
  const conversation = createConversation({ ...beginning, messages: [message(3, 'user', 'old')], head: 90 })
  expect(conversation.hasNewer.value).toBe(true)
  expect(conversation.position()).toEqual({ epoch: 1, after: 90 })
  conversation.apply(inLog(message(91, 'user', 'new')))
  expect(conversation.messages.value.map(({ seq }) => seq)).toEqual([3])
  expect(conversation.position()).toEqual({ epoch: 1, after: 91 })
})

test('what a tool shows while it runs is kept until its result, the last of it', () => {
  const conversation = start()
  const of = { sessionId: 's', runId: 'r', callId: 'c', invocationId: 'i' }
  for (const chunk of ['one\n', 'two\n']) {
    conversation.apply({ type: 'tool.stream', payload: { ...of, stream: 'stdout', chunk } })
  }
  expect(conversation.streams.value).toEqual({ 'r/c': 'one\ntwo\n' })
  conversation.apply({ type: 'tool.stream', payload: { ...of, stream: 'stdout', chunk: 'x'.repeat(50_000) } })
  expect(conversation.streams.value['r/c']?.length).toBe(20_000)
  const decision = { allowed: true, rule: 'safe' }
  const attachments = [{ id: 'a', name: 'a.png', mime: 'image/png', bytes: 3 }]
  const result = { ...of, toolName: 't', success: true, output: 'done', durationMs: 3, decision, attachments }
  conversation.apply({ type: 'tool.result', payload: result })
  expect(conversation.streams.value).toEqual({})
  expect(conversation.tools.value['r/c']).toMatchObject({ decision, invocationId: 'i', durationMs: 3 })
  expect(conversation.attachments.value).toEqual(attachments)
})

test('what was spent grows with each run; a price that is not known is said', () => {
  const usage = { inputTokens: 1_000, outputTokens: 500, totalTokens: 1_500 }
  const prices = { known: { input: 2, output: 4 } }
  expect(costUsd(usage, 'known', prices)).toBe(0.004)
  expect(costUsd(usage, 'toString', prices)).toBeUndefined()
  const spent = { runs: 1, inputTokens: 10, outputTokens: 5, costUsd: null, hasUnpriced: false }
  const first = withRun(spent, usage, 0.004)
  expect(first).toEqual({ runs: 2, inputTokens: 1_010, outputTokens: 505, costUsd: 0.004, hasUnpriced: false })
  expect(withRun(first, usage, undefined)).toMatchObject({ runs: 3, costUsd: 0.004, hasUnpriced: true })
  expect(withRun(first, undefined, undefined)).toMatchObject({ runs: 3, inputTokens: 1_010, hasUnpriced: false })
})

test('records of tools find their calls by run, tool and time', () => {
  const at = (timestamp: number, entry: Message) => ({ ...entry, timestamp })
  const call = (id: string, name: string) => ({ id, name, args: {} })
  const log = [
    at(
      100,
      message(1, 'assistant', '', {
        runId: 'r',
        toolCalls: [call('a', 'read'), call('b', 'read'), call('c', 'write')],
      }),
    ),
    at(110, message(2, 'tool', 'Error: wrong arguments', { runId: 'r', toolCallId: 'a' })),
    at(130, message(3, 'tool', 'text', { runId: 'r', toolCallId: 'b' })),
    at(150, message(4, 'tool', 'done', { runId: 'r', toolCallId: 'c' })),
  ]
  const record = (invocationId: string, toolName: string, startedAt: number, runId = 'r') => ({
    ...{ invocationId, runId, toolName, startedAt, success: true, durationMs: 7, decision: null },
  })
  // Newest first, as the history tells them; the first call was refused before there was anything to record.
  const records = [
    record('5', 'write', 140),
    record('4', 'read', 120),
    record('3', 'read', 120, 'other'),
    record('1', 'read', 50),
  ]
  expect(knownTools(log, records)).toEqual({
    'r/b': { invocationId: '4', startedAt: 120, success: true, durationMs: 7 },
    'r/c': { invocationId: '5', startedAt: 140, success: true, durationMs: 7 },
  })
})

test('an id of a moment sorts behind all that were made until then', () => {
  const newId = createIds()
  const before = newId()
  expect(before < idAfter(Date.now())).toBe(true)
  expect(before > idAfter(Date.now() - 60_000)).toBe(true)
})

test('commands are offered while a text is the beginning of one', () => {
  const commands = ['help', 'model', 'reset'].map(name => ({
    name,
    usage: name === 'model' ? '<name>' : '',
    summary: '',
  }))
  const names = (text: string) => suggest(text, commands).map(({ name }) => name)
  expect(names('/')).toEqual(['help', 'model', 'reset'])
  expect(names('/M')).toEqual(['model'])
  for (const text of ['', 'a /', '/model x', '/x', ' /help']) expect(names(text), text).toEqual([])
  expect(commands.map(written)).toEqual(['/help', '/model ', '/reset'])
})

test('a message that a link names is not given up while another page is being read', async () => {
  const conversation = start([message(9, 'user', 'late')])
  conversation.isReading.value = true
  let found: boolean | undefined
  const looking = loadAround(conversation, 3).then(isThere => (found = isThere))
  await new Promise(setImmediate)
  expect(found).toBeUndefined()
  conversation.messages.value = [message(3, 'user', 'early'), ...conversation.messages.value]
  conversation.isReading.value = false
  expect(await looking).toBe(true)
})
