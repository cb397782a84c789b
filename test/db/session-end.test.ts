import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SqliteStore } from '../../src/db/sqlite/engine.ts'
import type { Change, Cut } from '../../src/db/store.ts'
import { requestKey, sendText, temporaryStore } from '../support/store.ts'

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

const reset = (cut: Partial<Cut> = {}) =>
  store.resetSession({ sessionId: 's', at: 2_000, cut: { messageId: 'cut', ...cut } })
const remove = (cut: Partial<Cut> = {}) =>
  store.deleteSession({ sessionId: 's', at: 2_000, cut: { messageId: 'cut', ...cut } })
const live = (text: string, runId = 'run-1') => ({ live: { runId, text } })
const answer = (id: string) => ({ id, content: `answer ${id}`, incomplete: false })
const stateOf = async (runId: string) => (await store.getRun(runId))?.state

/** The first of these runs works, the others wait. */
async function begin(...names: string[]): Promise<void> {
  for (const name of names) await sendText(store, 's', name)
  await store.startRun({ runId: `run-${names[0]}`, at: 1_500 })
  changes.length = 0
}

async function logOf(epoch: number): Promise<[seq: number, id: string][]> {
  const { entries } = await store.history({ sessionId: 's', epoch, after: 0, limit: 9, maxBytes: 1e6 })
  return entries.map(({ seq, message }) => [seq, message.id])
}

/** What was told, and of whom. */
function told(): unknown[] {
  return changes.map(change => {
    if (change.type === 'run.finished') return [change.type, change.run.id, change.run.state]
    if (change.type === 'entry') return [change.type, change.entry.message.id, change.entry.epoch, change.entry.seq]
    return [change.type]
  })
}

const endOfThree = [
  ['entry', 'cut', 1, 4],
  ['run.finished', 'run-1', 'cancelled'],
  ['run.finished', 'run-2', 'cancelled'],
  ['run.finished', 'run-3', 'cancelled'],
]

test('a reset ends what works and what waits before the new epoch begins, and tells it in that order', async () => {
  await begin('1', '2', '3')
  expect(await reset(live('half an'))).toEqual({
    sessionId: 's',
    epoch: 2,
    ended: ['run-1', 'run-2', 'run-3'],
    duplicate: false,
  })
  expect(told()).toEqual([...endOfThree, ['session.reset'], ['session.updated']])
  expect(changes.at(-1)).toMatchObject({ session: { epoch: 2, seq: 0, messageCount: 0, state: 'idle' } })
  const cancelled = { state: 'cancelled', error: 'Cancelled.', finishedAt: 2_000, partialText: '' }
  for (const runId of ['run-1', 'run-2', 'run-3']) expect(await store.getRun(runId)).toMatchObject(cancelled)
  expect(await store.unfinishedRuns()).toEqual([])
  expect(await logOf(2)).toEqual([])
})

test('a deletion ends the runs of its session alike, and a restore brings back the log and none of them', async () => {
  await begin('1', '2', '3')
  expect(await remove(live('half an'))).toEqual({
    sessionId: 's',
    ended: ['run-1', 'run-2', 'run-3'],
    duplicate: false,
  })
  expect(told()).toEqual([...endOfThree, ['session.deleted']])
  expect(await store.unfinishedRuns()).toEqual([])
  const { session } = await store.restoreSession({ sessionId: 's', at: 3_000 })
  expect(session).toMatchObject({ epoch: 1, seq: 4, messageCount: 4, state: 'idle' })
  expect((await logOf(1)).at(-1)).toEqual([4, 'cut'])
  expect(await store.nextQueuedRun('s')).toBeUndefined()
})

test('a session without an unfinished run ends without a word about runs', async () => {
  await begin('1')
  await store.finishRun({ runId: 'run-1', state: 'done', message: answer('a'), at: 1_600 })
  changes.length = 0
  expect(await reset()).toMatchObject({ ended: [] })
  expect(await remove()).toMatchObject({ ended: [] })
  expect(told()).toEqual([['session.reset'], ['session.updated'], ['session.deleted']])
  expect(await stateOf('run-1')).toBe('done')
})

test('the runs of other sessions go on', async () => {
  await store.createSession({ id: 'other', senderId: 'ann', channel: 'web', at: 1 })
  await sendText(store, 'other', 'theirs')
  await begin('1')
  await reset()
  expect(await store.unfinishedRuns()).toMatchObject([{ id: 'run-theirs', state: 'queued' }])
})

describe('the last entry of the run that was cut', () => {
  test.each<[what: string, cut: Partial<Cut>, stored: string, content: string]>([
    ['is what it had said by now', live('said by now'), '', 'said by now'],
    ['prefers that to what was stored of it', live('stored and more'), 'stored', 'stored and more'],
    ['is what was stored of it if nobody works on it', {}, 'stored', 'stored'],
    ['is not what another run says', live('of another', 'run-9'), 'stored', 'stored'],
  ])('%s', async (_what, cut, partial, content) => {
    await begin('1')
    await store.savePartialText({ runId: 'run-1', text: partial })
    await reset(cut)
    expect(await logOf(1)).toEqual([
      [1, 'message-1'],
      [2, 'cut'],
    ])
    expect(changes[0]).toMatchObject({
      type: 'entry',
      entry: {
        epoch: 1,
        seq: 2,
        final: true,
        message: { id: 'cut', role: 'assistant', content, incomplete: true, runId: 'run-1', timestamp: 2_000 },
      },
    })
  })

  test.each([
    ['had said nothing', {}],
    ['had said nothing since its last tool', live('')],
  ])('is not there if it %s', async (_what, cut) => {
    await begin('1')
    expect(await reset(cut)).toMatchObject({ ended: ['run-1'] })
    expect(told()).toEqual([['run.finished', 'run-1', 'cancelled'], ['session.reset'], ['session.updated']])
    expect(await logOf(1)).toEqual([[1, 'message-1']])
  })

  test('is not there if the run had not begun', async () => {
    await sendText(store, 's', '1')
    await reset(live('of nobody'))
    expect(await logOf(1)).toEqual([[1, 'message-1']])
  })
})

test('a run that was ended with its epoch says no more, and one that waited does not begin', async () => {
  await begin('1', '2')
  await reset(live('half an'))
  await sendText(store, 's', '3')
  const told = changes.length
  const late = store.appendToolCalls({ runId: 'run-1', messageId: 'calls', content: '', toolCalls: [], at: 3 })
  await expect(late).rejects.toMatchObject({ code: 'CONFLICT' })
  expect(await store.finishRun({ runId: 'run-1', state: 'done', message: answer('a'), at: 4 })).toBeUndefined()
  expect(await store.startRun({ runId: 'run-2', at: 5 })).toBeUndefined()
  expect(changes).toHaveLength(told)
  expect(await logOf(1)).toEqual([
    [1, 'message-1'],
    [2, 'message-2'],
    [3, 'cut'],
  ])
  expect((await store.nextQueuedRun('s'))?.id).toBe('run-3')
})

test('the run that asked for the reset goes on, and only those behind it end', async () => {
  await begin('1', '2')
  expect(await reset({ keepRunId: 'run-1' })).toMatchObject({ epoch: 2, ended: ['run-2'] })
  expect(told()).toEqual([['run.finished', 'run-2', 'cancelled'], ['session.reset'], ['session.updated']])
  expect(changes.at(-1)).toMatchObject({ session: { state: 'active' } })
  expect(await stateOf('run-1')).toBe('running')
  expect(await store.activeRun('s')).toMatchObject({ id: 'run-1' })
})

test('a repeat of a reset or a deletion gives the first reply and ends nothing that came after', async () => {
  const again = { sessionId: 's', at: 2_000, cut: { messageId: 'cut' } }
  const resets = () => store.resetSession({ ...again, request: requestKey('reset') })
  const deletions = () => store.deleteSession({ ...again, request: requestKey('delete') })
  await begin('1')
  const reply = await resets()
  await begin('2', '3')
  expect(await resets()).toEqual({ ...reply, duplicate: true })
  expect([await stateOf('run-2'), await stateOf('run-3')]).toEqual(['running', 'queued'])
  const deleted = await deletions()
  expect(deleted).toMatchObject({ ended: ['run-2', 'run-3'] })
  await store.restoreSession({ sessionId: 's', at: 3_000 })
  await begin('4')
  expect(await deletions()).toEqual({ ...deleted, duplicate: true })
  expect(await stateOf('run-4')).toBe('running')
  expect(changes).toEqual([])
})
