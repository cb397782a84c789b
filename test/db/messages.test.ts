import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SqliteStore } from '../../src/db/sqlite/engine.ts'
import type { Change } from '../../src/db/store.ts'
import { sendText, temporaryStore } from '../support/store.ts'

let store: SqliteStore
let dispose: () => Promise<void>

beforeEach(async () => {
  ;({ store, dispose } = await temporaryStore())
  await store.createSession({ id: 's', senderId: 'ann', channel: 'web', at: 1 })
})
afterEach(() => dispose())

const seqs = async (query: object) => {
  const { entries, hasMore } = await store.history({ sessionId: 's', epoch: 1, limit: 4, maxBytes: 1e6, ...query })
  return [entries.map(({ seq }) => seq), hasMore]
}

test('history goes upward from after, downward from before, always ascending', async () => {
  for (let index = 1; index <= 10; index++) await sendText(store, 's', `${index}`)
  expect(await seqs({})).toEqual([[7, 8, 9, 10], true])
  expect(await seqs({ before: 7 })).toEqual([[3, 4, 5, 6], true])
  expect(await seqs({ before: 3 })).toEqual([[1, 2], false])
  expect(await seqs({ before: 5 })).toEqual([[1, 2, 3, 4], false])
  expect(await seqs({ after: 0 })).toEqual([[1, 2, 3, 4], true])
  expect(await seqs({ after: 6 })).toEqual([[7, 8, 9, 10], false])
  expect(await seqs({ after: 10 })).toEqual([[], false])
  expect(await seqs({ after: 2, before: 5 })).toEqual([[3, 4], false])
  expect(await seqs({ epoch: 2 })).toEqual([[], false])
})

test('a page ends at its bytes but holds at least one entry', async () => {
  for (let index = 1; index <= 4; index++) await sendText(store, 's', `${index}`, { text: 'é'.repeat(1_000) })
  expect(await seqs({ after: 0, maxBytes: 5_000 })).toEqual([[1, 2], true])
  expect(await seqs({ maxBytes: 5_000 })).toEqual([[3, 4], true])
  expect(await seqs({ after: 0, maxBytes: 1 })).toEqual([[1], true])
  expect(await seqs({ after: 3, maxBytes: 1 })).toEqual([[4], false])
})

test('an entry that is published is the entry that is read back', async () => {
  const changes: Change[] = []
  store.onCommit(committed => changes.push(...committed))
  await sendText(store, 's', '1', { senderName: 'Ann', text: 'naïve \u0000 🦅' })
  await store.startRun({ runId: 'run-1', at: 2 })
  await store.appendToolCalls({
    runId: 'run-1',
    messageId: 'calls',
    content: 'let me see',
    toolCalls: [{ id: 'c', name: 'clock', args: { zone: 'UTC' } }],
    usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
    model: 'm',
    at: 3,
  })
  await store.appendToolResult({ runId: 'run-1', messageId: 'result', toolCallId: 'c', content: 'noon', at: 4 })
  await store.finishRun({
    runId: 'run-1',
    state: 'failed',
    model: 'm',
    message: { id: 'last', content: 'It is', incomplete: true },
    at: 5,
  })
  const published = changes.flatMap(change => (change.type === 'entry' ? [change.entry] : []))
  const { entries } = await store.history({ sessionId: 's', epoch: 1, after: 0, limit: 10, maxBytes: 1e6 })
  expect(published).toEqual(entries)
  expect(entries.map(({ message }) => message.role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
  expect(entries.map(({ final }) => final)).toEqual([false, false, false, true])
  expect(entries.at(-1)?.message).toEqual({
    id: 'last',
    seq: 4,
    role: 'assistant',
    content: 'It is',
    runId: 'run-1',
    model: 'm',
    incomplete: true,
    timestamp: 5,
  })
  expect(await store.getMessage('calls')).toEqual(entries[1])
})

test('a message brings the session up to date in the same commit', async () => {
  const changes: Change[] = []
  store.onCommit(committed => changes.push(...committed))
  await sendText(store, 's', '1', { at: 5_000 })
  const session = await store.getSession('s')
  expect(session).toMatchObject({ seq: 1, messageCount: 1, lastActiveAt: 5_000, state: 'active' })
  expect(changes.at(-1)).toEqual({ type: 'session.updated', session })
  expect(await store.getHead('s')).toEqual({ epoch: 1, seq: 1 })
})
