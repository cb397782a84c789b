import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SqliteStore } from '../../src/db/sqlite/engine.ts'
import type { Change } from '../../src/db/store.ts'
import { sendText, temporaryStore } from '../support/store.ts'

let store: SqliteStore
let dispose: () => Promise<void>
let changes: Change[]

beforeEach(async () => {
  ;({ store, dispose } = await temporaryStore())
  await store.createSession({ id: 's', senderId: 'ann', channel: 'web', at: 1 })
  changes = []
  store.onCommit(committed => changes.push(...committed))
})
afterEach(() => dispose())

const stateOf = async () => (await store.getSession('s'))?.state
const answer = (id: string) => ({ id, content: `answer ${id}`, incomplete: false })

test('a run goes from queued to running to done, each step once', async () => {
  await sendText(store, 's', '1', { at: 10 })
  expect(await store.getRun('run-1')).toMatchObject({ state: 'queued', messageSeq: 1, tokenId: 'token', createdAt: 10 })
  expect(await store.startRun({ runId: 'run-1', at: 11 })).toMatchObject({ state: 'running', startedAt: 11 })
  expect(await store.startRun({ runId: 'run-1', at: 12 })).toBeUndefined()
  const usage = { inputTokens: 5, outputTokens: 7, totalTokens: 12 }
  const finish = {
    runId: 'run-1',
    state: 'done',
    provider: 'p',
    model: 'm',
    usage,
    message: answer('a'),
    at: 13,
  } as const
  expect(await store.finishRun(finish)).toMatchObject({
    state: 'done',
    finishedAt: 13,
    provider: 'p',
    model: 'm',
    usage,
  })
  const before = changes.length
  expect(await store.finishRun({ ...finish, message: answer('b') })).toBeUndefined()
  expect(changes).toHaveLength(before)
  expect(await store.getHead('s')).toEqual({ epoch: 1, seq: 2 })
  expect(changes.slice(-3).map(({ type }) => type)).toEqual(['entry', 'session.updated', 'run.finished'])
  expect(changes.at(-1)).toEqual({ type: 'run.finished', run: await store.getRun('run-1') })
  expect(await store.sessionUsage('s')).toEqual({ ...usage, runs: 1 })
})

test('a session is active while a run is unfinished and idle after the last', async () => {
  expect(await stateOf()).toBe('created')
  await sendText(store, 's', '1')
  await sendText(store, 's', '2')
  await store.finishRun({ runId: 'run-1', state: 'cancelled', at: 2 })
  expect(await stateOf()).toBe('active')
  await store.finishRun({ runId: 'run-2', state: 'failed', error: 'no model', at: 3 })
  expect(await stateOf()).toBe('idle')
  expect(await store.getRun('run-2')).toMatchObject({ error: 'no model' })
  expect((await store.listFailedRuns({ since: 3, limit: 5 })).map(({ id }) => id)).toEqual(['run-2'])
  expect(await store.listFailedRuns({ since: 4, limit: 5 })).toEqual([])
})

test('runs wait in the order of their messages, behind the one that works', async () => {
  await sendText(store, 's', '1')
  await sendText(store, 's', '2')
  expect((await store.activeRun('s'))?.id).toBe('run-1')
  await store.startRun({ runId: 'run-1', at: 1 })
  expect((await store.activeRun('s'))?.id).toBe('run-1')
  expect((await store.nextQueuedRun('s'))?.id).toBe('run-2')
  await store.finishRun({ runId: 'run-1', state: 'done', at: 2 })
  expect((await store.activeRun('s'))?.id).toBe('run-2')
  expect((await store.unfinishedRuns()).map(({ id }) => id)).toEqual(['run-2'])
  expect((await store.listRuns({ sessionId: 's', epoch: 1, limit: 5 })).map(({ id }) => id)).toEqual(['run-2', 'run-1'])
  const [newest] = await store.listRuns({ sessionId: 's', epoch: 1, limit: 1 })
  const earlier = { sessionId: 's', epoch: 1, before: newest?.messageSeq, limit: 5 }
  expect((await store.listRuns(earlier)).map(({ id }) => id)).toEqual(['run-1'])
})

test('partial text is kept until it becomes an entry', async () => {
  await sendText(store, 's', '1')
  await store.startRun({ runId: 'run-1', at: 1 })
  await store.savePartialText({ runId: 'run-1', text: 'so far' })
  expect((await store.getRun('run-1'))?.partialText).toBe('so far')
  await store.appendToolCalls({ runId: 'run-1', messageId: 'm', content: 'so far', toolCalls: [], at: 2 })
  expect((await store.getRun('run-1'))?.partialText).toBe('')
})

test('a run that has ended takes no more entries', async () => {
  await sendText(store, 's', '1')
  await store.finishRun({ runId: 'run-1', state: 'cancelled', at: 2 })
  const late = store.appendToolResult({ runId: 'run-1', messageId: 'm', toolCallId: 'c', content: 'x', at: 3 })
  await expect(late).rejects.toMatchObject({ code: 'CONFLICT' })
  await store.savePartialText({ runId: 'run-1', text: 'late' })
  expect((await store.getRun('run-1'))?.partialText).toBe('')
})

test('a run that is kept at a reset goes on in its own epoch, without a gap', async () => {
  await sendText(store, 's', '1')
  await store.startRun({ runId: 'run-1', at: 1 })
  await store.resetSession({ cut: { messageId: 'cut', keepRunId: 'run-1' }, sessionId: 's', at: 2 })
  expect(await stateOf()).toBe('active')
  await sendText(store, 's', '2')
  await store.appendToolCalls({ runId: 'run-1', messageId: 'calls', content: '', toolCalls: [], at: 3 })
  await store.finishRun({ runId: 'run-1', state: 'done', message: answer('a'), at: 4 })
  const old = await store.history({ sessionId: 's', epoch: 1, after: 0, limit: 9, maxBytes: 1e6 })
  expect(old.entries.map(({ seq, message }) => [seq, message.id])).toEqual([
    [1, 'message-1'],
    [2, 'calls'],
    [3, 'a'],
  ])
  expect(await store.getSession('s')).toMatchObject({ epoch: 2, seq: 1, messageCount: 1, state: 'active' })
})

test('a run can answer in the epoch that it has begun itself', async () => {
  await sendText(store, 's', '1')
  await store.startRun({ runId: 'run-1', at: 1 })
  await store.resetSession({ cut: { messageId: 'cut', keepRunId: 'run-1' }, sessionId: 's', at: 2 })
  await store.finishRun({ runId: 'run-1', state: 'done', message: answer('a'), epoch: 2, at: 3 })
  expect(await store.getMessage('a')).toMatchObject({ epoch: 2, seq: 1, final: true })
  expect(await store.getSession('s')).toMatchObject({ epoch: 2, seq: 1, messageCount: 1, state: 'idle' })
})

test('a run of a deleted session has ended with it: a late answer is neither told nor kept', async () => {
  await sendText(store, 's', '1')
  await store.startRun({ runId: 'run-1', at: 1 })
  await store.deleteSession({ cut: { messageId: 'cut' }, sessionId: 's', at: 2 })
  const before = changes.length
  expect(await store.finishRun({ runId: 'run-1', state: 'done', message: answer('a'), at: 3 })).toBeUndefined()
  expect(changes).toHaveLength(before)
  expect((await store.restoreSession({ sessionId: 's', at: 4 })).session).toMatchObject({ seq: 1, state: 'idle' })
})
