import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SqliteStore } from '../../src/db/sqlite/engine.ts'
import type { Change, LogEntry } from '../../src/db/store.ts'
import { requestKey, sendText, temporaryStore } from '../support/store.ts'

let store: SqliteStore
let dispose: () => Promise<void>
let changes: Change[]

beforeEach(async () => {
  ;({ store, dispose } = await temporaryStore())
  changes = []
  store.onCommit(committed => changes.push(...committed))
})
afterEach(() => dispose())

/** A session with so many messages, whose ids are `message-<session>-<seq>`. */
async function session(id: string, messages: number, more: Record<string, unknown> = {}): Promise<void> {
  await store.createSession({ id, senderId: 'ann', channel: 'web', at: 1, ...more })
  await say(id, 1, messages)
}

async function say(id: string, from: number, to: number): Promise<void> {
  for (let seq = from; seq <= to; seq++) await sendText(store, id, `${id}-${seq}`)
}

const fork = (id: string, sessionId: string, atSeq: number, more: { epoch?: number; title?: string } = {}) =>
  store.forkSession({ id, sessionId, atSeq, at: 5_000, ...more })
const reset = (sessionId: string) =>
  store.resetSession({ sessionId, at: 6_000, cut: { messageId: `cut-${sessionId}` } })
const remove = (sessionId: string, at = 7_000) =>
  store.deleteSession({ sessionId, at, cut: { messageId: `cut-${sessionId}` } })

async function page(
  sessionId: string,
  place: { epoch?: number; after?: number; before?: number; limit?: number; maxBytes?: number },
): Promise<{ entries: LogEntry[]; hasMore: boolean }> {
  return store.history({ sessionId, epoch: 1, limit: 100, maxBytes: 1e6, ...place })
}

const ids = async (sessionId: string, place: Parameters<typeof page>[1] = { after: 0 }) =>
  (await page(sessionId, place)).entries.map(({ message }) => message.id.replace('message-', ''))
const range = (name: string, from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => `${name}-${from + index}`)

test('a fork begins with the entries of its source up to the one that was named, and both go on by themselves', async () => {
  await session('s', 4)
  await fork('f', 's', 3)
  await say('f', 4, 5)
  await say('s', 5, 5)
  expect(await ids('f')).toEqual([...range('s', 1, 3), ...range('f', 4, 5)])
  expect(await ids('s')).toEqual(range('s', 1, 5))
  const { entries } = await page('f', { after: 0 })
  expect(entries.map(({ sessionId, epoch, seq }) => [sessionId, epoch, seq])).toEqual(
    [1, 2, 3, 4, 5].map(seq => ['f', 1, seq]),
  )
  expect(entries[1]?.message).toEqual((await page('s', { after: 1, limit: 1 })).entries[0]?.message)
  expect(await store.counts()).toMatchObject({ sessions: 2, totalMessages: 7 })
})

test('a fork has what its source was set to, says where it comes from, and is told of as a new session', async () => {
  const config = { temperature: 0 }
  await session('s', 2, { title: 'Plans', senderName: 'Ann', model: 'm', config, groupId: 'g' })
  const { session: made, duplicate } = await fork('f', 's', 1)
  expect(duplicate).toBe(false)
  expect(made).toEqual({
    id: 'f',
    senderId: 'ann',
    channel: 'web',
    senderName: 'Ann',
    title: 'Plans (fork)',
    state: 'idle',
    messageCount: 1,
    createdAt: 5_000,
    lastActiveAt: 5_000,
    model: 'm',
    memorySummary: null,
    config,
    epoch: 1,
    seq: 1,
    forkedFrom: { sessionId: 's', epoch: 1, seq: 1 },
    profile: null,
    tainted: false,
  })
  expect(await store.getSession('f')).toEqual(made)
  expect(changes.at(-1)).toEqual({ type: 'session.created', session: made })
  expect((await store.listSessions({ limit: 9 })).sessions.map(({ id }) => id)).toEqual(['f', 's'])
  expect(await store.sessionUsage('f')).toMatchObject({ totalTokens: 0, runs: 0 })
})

test('a title is taken where one is given, none comes of none, and a long one is cut between characters', async () => {
  await session('untitled', 1)
  await session('long', 1, { title: `${'x'.repeat(492)}😀${'y'.repeat(6)}` })
  expect((await fork('a', 'untitled', 1)).session.title).toBeNull()
  expect((await fork('b', 'untitled', 1, { title: 'mine' })).session.title).toBe('mine')
  expect((await fork('c', 'long', 1)).session.title).toBe(`${'x'.repeat(492)} (fork)`)
})

test('the summary goes along if it stands for no more than the fork holds', async () => {
  await session('s', 5)
  await store.saveMemorySummary({ sessionId: 's', summary: 'so far', throughSeq: 3 })
  await fork('short', 's', 2)
  await fork('long', 's', 3)
  await reset('s')
  await fork('archived', 's', 4, { epoch: 1 })
  expect(await store.getMemorySummary('short')).toBeUndefined()
  expect(await store.getMemorySummary('long')).toEqual({ summary: 'so far', throughSeq: 3 })
  expect(await store.getMemorySummary('archived')).toBeUndefined()
})

test('an archived epoch can be forked, by default the current one is', async () => {
  await session('s', 3)
  await reset('s')
  await sendText(store, 's', 'new')
  await fork('old', 's', 2, { epoch: 1 })
  await fork('new', 's', 1)
  expect(await ids('old')).toEqual(range('s', 1, 2))
  expect(await ids('new')).toEqual(['new'])
  expect((await store.getSession('old'))?.forkedFrom).toEqual({ sessionId: 's', epoch: 1, seq: 2 })
  expect((await store.getSession('new'))?.forkedFrom).toEqual({ sessionId: 's', epoch: 2, seq: 1 })
})

test('a fork at 0 is empty and set up like its source', async () => {
  await session('s', 2, { model: 'm' })
  const { session: made } = await fork('f', 's', 0)
  expect(made).toMatchObject({ seq: 0, messageCount: 0, state: 'created', model: 'm' })
  await say('f', 1, 1)
  expect(await ids('f')).toEqual(['f-1'])
})

test.each([
  ['beyond the head', 's', 4, {}, { code: 'INVALID_MESSAGE', message: expect.stringContaining('epoch 2 is 1') }],
  ['beyond the head of an archived epoch', 's', 4, { epoch: 1 }, { code: 'INVALID_MESSAGE' }],
  ['of an epoch to come', 's', 0, { epoch: 3 }, { code: 'NOT_FOUND' }],
  ['of epoch 0', 's', 0, { epoch: 0 }, { code: 'NOT_FOUND' }],
  ['of a session that is not there', 'none', 0, {}, { code: 'SESSION_NOT_FOUND' }],
  ['of a deleted session', 'gone', 1, {}, { code: 'SESSION_NOT_FOUND' }],
])('a fork %s is refused and makes nothing', async (_what, sessionId, atSeq, more, error) => {
  await session('s', 3)
  await reset('s')
  await sendText(store, 's', 'new')
  await session('gone', 1)
  await remove('gone')
  await expect(fork('f', sessionId, atSeq, more)).rejects.toMatchObject(error)
  expect(await store.getSession('f')).toBeUndefined()
})

test('a fork at the base of a fork knows how long an archived epoch without entries of its own is', async () => {
  await session('s', 3)
  await fork('f', 's', 3)
  await reset('f')
  await fork('g', 'f', 3, { epoch: 1 })
  await expect(fork('h', 'f', 4, { epoch: 1 })).rejects.toMatchObject({
    extras: { details: { head: { epoch: 1, seq: 3 } } },
  })
  expect(await ids('g')).toEqual(range('s', 1, 3))
})

test('forks of forks read the rows of all they come from, wherever they were cut', async () => {
  await session('a', 4)
  await fork('b', 'a', 3)
  await say('b', 4, 6)
  await fork('c', 'b', 5)
  await say('c', 6, 7)
  await fork('cut', 'c', 2)
  await fork('same', 'b', 3)
  await fork('end', 'c', 7)
  expect(await ids('c')).toEqual([...range('a', 1, 3), ...range('b', 4, 5), ...range('c', 6, 7)])
  expect(await ids('end')).toEqual(await ids('c'))
  expect(await ids('cut')).toEqual(range('a', 1, 2))
  expect(await ids('same')).toEqual(range('a', 1, 3))
})

describe('a page of a fork of forks', () => {
  const all = [...range('a', 1, 3), ...range('b', 4, 5), ...range('c', 6, 8)]
  beforeEach(async () => {
    await session('a', 4)
    await fork('b', 'a', 3)
    await say('b', 4, 6)
    await fork('c', 'b', 5)
    await say('c', 6, 8)
  })

  test('holds what lies between any two entries, upward and downward', async () => {
    for (let after = 0; after <= 9; after++) {
      for (let limit = 1; limit <= 8; limit++) {
        const up = await page('c', { after, limit })
        expect(up.entries.map(({ seq }) => seq)).toEqual(seqs(after + 1, Math.min(8, after + limit)))
        expect(up.hasMore).toBe(after + limit < 8)
        const before = after
        const down = await page('c', { before, limit })
        const top = Math.min(8, before - 1)
        expect(down.entries.map(({ seq }) => seq)).toEqual(seqs(Math.max(1, top - limit + 1), top))
        expect(down.hasMore).toBe(top - limit > 0)
      }
    }
    expect(await ids('c', {})).toEqual(all)
    expect(await ids('c', { after: 2, before: 7 })).toEqual(all.slice(2, 6))
  })

  test('ends by its bytes as any page does, also at a border', async () => {
    const seen: string[] = []
    for (let after = 0, more = true; more; ) {
      const { entries, hasMore } = await page('c', { after, maxBytes: 1 })
      expect(entries).toHaveLength(1)
      seen.push(...entries.map(({ message }) => message.id.replace('message-', '')))
      after = entries[0]?.seq ?? 0
      more = hasMore
    }
    expect(seen).toEqual(all)
  })

  const seqs = (from: number, to: number) => range('', from, to).map(name => Number(name.slice(1)))
})

test('a fork that is reset keeps its first epoch, with the entries of its source', async () => {
  await session('s', 2)
  await fork('f', 's', 2)
  await say('f', 3, 3)
  await reset('f')
  await sendText(store, 'f', 'new')
  expect(await ids('f', { epoch: 1, after: 0 })).toEqual([...range('s', 1, 2), 'f-3'])
  expect(await ids('f', { epoch: 2, after: 0 })).toEqual(['new'])
})

test('a run of a fork that ends after a reset is appended behind what the fork shows', async () => {
  await session('s', 3)
  await fork('f', 's', 2)
  await sendText(store, 'f', 'question')
  await store.startRun({ runId: 'run-question', at: 1 })
  const cut = { messageId: 'cut', keepRunId: 'run-question' }
  await store.resetSession({ sessionId: 'f', at: 2, cut })
  const message = { id: 'answer', content: 'late', incomplete: false }
  await store.finishRun({ runId: 'run-question', state: 'done', message, at: 3 })
  expect(await ids('f', { epoch: 1, after: 0 })).toEqual([...range('s', 1, 2), 'question', 'answer'])
})

test('a fork does not take the next message of its sender, nor of its group', async () => {
  await session('s', 1)
  await session('group', 1, { groupId: 'g' })
  await fork('f', 's', 1)
  await fork('fg', 'group', 1)
  const to = (groupId?: string) => ({ findOrCreate: { id: 'new', senderId: 'ann', channel: 'web', groupId } })
  expect(await sendText(store, '', 'own', { target: to(), at: 9_000 })).toMatchObject({ sessionId: 's', seq: 2 })
  expect(await sendText(store, '', 'group', { target: to('g'), at: 9_000 })).toMatchObject({ sessionId: 'group' })
  await remove('s')
  expect(await sendText(store, '', 'next', { target: to(), at: 9_000 })).toMatchObject({ sessionId: 'new', seq: 1 })
})

test('a repeat of a fork makes no second one', async () => {
  await session('s', 2)
  const ask = (id: string) =>
    store.forkSession({ id, sessionId: 's', atSeq: 1, at: 1, request: requestKey('fork', { atSeq: 1 }) })
  const first = await ask('f')
  expect(await ask('g')).toEqual({ ...first, duplicate: true })
  expect(await store.getSession('g')).toBeUndefined()
})
