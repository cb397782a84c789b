import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SqliteStore } from '../../src/db/sqlite/engine.ts'
import type { Change } from '../../src/db/store.ts'
import { sendText, temporaryStore } from '../support/store.ts'

let store: SqliteStore
let dispose: () => Promise<void>
let changes: Change[]

beforeEach(async () => {
  ;({ store, dispose } = await temporaryStore())
  changes = []
  store.onCommit(committed => changes.push(...committed))
})
afterEach(() => dispose())

// What a message of so many characters counts.
const weight = (characters: number) => characters + 300

/** A session that was active at this time, with an answered message of so many characters. */
async function session(id: string, at: number, characters = 0): Promise<void> {
  await store.createSession({ id, senderId: 'ann', channel: 'web', at })
  if (characters === 0) return
  await sendText(store, id, id, { text: 'x'.repeat(characters), at })
  await store.finishRun({ runId: `run-${id}`, state: 'done', at })
}

const until = (lastActiveAt: number, id = '') => ({ lastActiveAt, id })
const quiet = (query: Parameters<SqliteStore['quietSessions']>[0]) => store.quietSessions(query)

/** The order of lists follows activity by a moment; what was active long ago has its place. */
async function settled(count: number): Promise<void> {
  await expect.poll(() => quiet({ until: until(1e9), limit: 100 }), { timeout: 20_000 }).toHaveLength(count)
}

test('quiet sessions come longest quiet first, up to a place and behind another', async () => {
  for (const [id, at] of [
    ['b', 20],
    ['a', 20],
    ['old', 10],
    ['new', 40],
    ['mid', 30],
  ] as const)
    await session(id, at, at % 20)
  await settled(5)
  const all = [until(10, 'old'), until(20, 'a'), until(20, 'b'), until(30, 'mid'), until(40, 'new')]
  expect(await quiet({ until: until(1e9), limit: 9 })).toEqual(all)
  expect(await quiet({ until: until(30), limit: 9 })).toEqual(all.slice(0, 3))
  expect(await quiet({ until: until(20, 'a'), limit: 9 })).toEqual(all.slice(0, 2))
  expect(await quiet({ until: until(1e9), after: until(20, 'a'), limit: 2 })).toEqual(all.slice(2, 4))
})

test('a session that was restored is quiet only from then on', async () => {
  await session('back', 10)
  await session('other', 10)
  await store.deleteSession({ sessionId: 'back', at: 50, cut: { messageId: 'm' } })
  await store.restoreSession({ sessionId: 'back', at: 60 })
  await settled(2)
  expect(await quiet({ until: until(59), limit: 9 })).toEqual([until(10, 'other')])
  expect(await quiet({ until: until(60), limit: 9 })).toEqual([until(10, 'back'), until(10, 'other')])
})

test('neither a deleted session is quiet nor one whose run waits or works', async () => {
  await session('gone', 10)
  await session('waits', 20)
  await session('works', 30)
  await session('quiet', 40, 5)
  await sendText(store, 'waits', '1', { at: 20 })
  await sendText(store, 'works', '2', { at: 30 })
  await store.startRun({ runId: 'run-2', at: 30 })
  await store.deleteSession({ sessionId: 'gone', at: 50, cut: { messageId: 'cut' } })
  await settled(1)
  expect(await quiet({ until: until(1e9), limit: 9 })).toEqual([until(40, 'quiet')])
})

describe('a session is retired', () => {
  const retire = async (changed: object = {}) => {
    const { id: sessionId, epoch, seq, lastActiveAt } = (await store.getSession('s')) ?? {}
    if (sessionId === undefined || epoch === undefined || seq === undefined || lastActiveAt === undefined) return false
    return store.retireSession({ sessionId, epoch, seq, lastActiveAt, at: 99, ...changed })
  }

  test('as it is: hidden, told of, and there to be restored', async () => {
    await session('s', 10, 5)
    expect(await retire()).toBe(true)
    expect(await store.getSession('s')).toBeUndefined()
    expect(changes.at(-1)).toEqual({ type: 'session.deleted', sessionId: 's' })
    const { session: restored } = await store.restoreSession({ sessionId: 's', at: 100 })
    expect(restored).toMatchObject({ id: 's', seq: 1 })
  })

  test.each([
    ['an entry came', { seq: 0 }],
    ['it was reset', { epoch: 2 }],
    ['it was active', { lastActiveAt: 9 }],
    ['it is another', { sessionId: 'none' }],
  ])('not if %s meanwhile', async (_what, changed) => {
    await session('s', 10, 5)
    const told = changes.length
    expect(await retire(changed)).toBe(false)
    expect(await store.getSession('s')).toBeDefined()
    expect(changes).toHaveLength(told)
  })

  test('not while a run of it waits or works, nor twice', async () => {
    await session('s', 10)
    await sendText(store, 's', '1')
    expect(await retire()).toBe(false)
    await store.startRun({ runId: 'run-1', at: 20 })
    expect(await retire()).toBe(false)
    await store.finishRun({ runId: 'run-1', state: 'failed', at: 20 })
    const { epoch, seq, lastActiveAt } = (await store.getSession('s')) ?? { epoch: 0, seq: 0, lastActiveAt: 0 }
    expect(await retire()).toBe(true)
    expect(await store.retireSession({ sessionId: 's', epoch, seq, lastActiveAt, at: 100 })).toBe(false)
  })
})

test('the edge of the newest is the session with which they hold more than they may', async () => {
  await session('old', 10, 1_000)
  await session('mid', 20, 2_000)
  await session('new', 30, 500)
  await settled(3)
  const newest = weight(500)
  const both = newest + weight(2_000)
  const all = both + weight(1_000)
  const edge = (maxBytes: number) => store.edgeOfNewest({ maxBytes })
  expect(await edge(0)).toEqual(until(30, 'new'))
  expect(await edge(newest - 1)).toEqual(until(30, 'new'))
  expect(await edge(newest)).toEqual(until(20, 'mid'))
  expect(await edge(both)).toEqual(until(10, 'old'))
  expect(await edge(all - 1)).toEqual(until(10, 'old'))
  expect(await edge(all)).toBeNull()
})

test('bytes count, calls of tools too; what a fork shows of its source counts once, and nothing that is deleted', async () => {
  await session('s', 10)
  await sendText(store, 's', '1', { text: 'ü'.repeat(100), at: 10 })
  await store.startRun({ runId: 'run-1', at: 10 })
  const toolCalls = [{ id: 'c', name: 'n', args: { a: 'x'.repeat(1_000) } }]
  await store.appendToolCalls({ runId: 'run-1', messageId: 'm', content: '', toolCalls, at: 10 })
  await store.finishRun({ runId: 'run-1', state: 'done', at: 10 })
  await store.forkSession({ id: 'fork', sessionId: 's', atSeq: 2, at: 20 })
  await session('gone', 30, 5_000)
  await store.deleteSession({ sessionId: 'gone', at: 50, cut: { messageId: 'cut' } })
  const bytes = weight(200) + weight(JSON.stringify(toolCalls).length)
  expect(await store.edgeOfNewest({ maxBytes: bytes })).toBeNull()
  expect(await store.edgeOfNewest({ maxBytes: bytes - 1 })).toEqual(until(10, 's'))
})
