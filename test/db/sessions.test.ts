import { afterEach, beforeEach, expect, test } from 'vitest'
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

const create = (id: string, more: object = {}) =>
  store.createSession({ id, senderId: 'ann', channel: 'web', at: 100, ...more })

test('a created session is read back as it was given', async () => {
  const { session, duplicate } = await create('s', {
    senderName: 'Ann',
    title: 'Plans',
    model: 'm',
    config: { a: { b: 1 } },
  })
  expect(duplicate).toBe(false)
  expect(session).toEqual({
    id: 's',
    senderId: 'ann',
    channel: 'web',
    senderName: 'Ann',
    title: 'Plans',
    state: 'created',
    messageCount: 0,
    createdAt: 100,
    lastActiveAt: 100,
    model: 'm',
    memorySummary: null,
    config: { a: { b: 1 } },
    epoch: 1,
    seq: 0,
    forkedFrom: null,
    profile: null,
    tainted: false,
  })
  expect(await store.getSession('s')).toEqual(session)
  expect(changes).toEqual([{ type: 'session.created', session }])
})

test('a session id that exists is refused and leaves the first as it was', async () => {
  await create('s', { title: 'first' })
  await expect(create('s', { title: 'second' })).rejects.toMatchObject({ code: 'CONFLICT' })
  expect((await store.getSession('s'))?.title).toBe('first')
})

test('an update changes what is given, clears what is null and leaves the rest', async () => {
  await create('s', { title: 'old', model: 'm', config: { a: 1 } })
  const { session } = await store.updateSession({ sessionId: 's', title: 'new' })
  expect(session).toMatchObject({ title: 'new', model: 'm', config: { a: 1 }, lastActiveAt: 100 })
  const cleared = await store.updateSession({ sessionId: 's', title: null, model: null, config: {} })
  expect(cleared.session).toMatchObject({ title: null, model: null, config: {} })
  expect(changes.at(-1)).toEqual({ type: 'session.updated', session: cleared.session })
})

test('a reset starts an empty epoch, cancels waiting runs and keeps the old log', async () => {
  await create('s')
  await sendText(store, 's', '1')
  await store.saveMemorySummary({ sessionId: 's', summary: 'so far', throughSeq: 1 })
  expect(await store.resetSession({ cut: { messageId: 'cut' }, sessionId: 's', at: 2_000 })).toEqual({
    sessionId: 's',
    epoch: 2,
    ended: ['run-1'],
    duplicate: false,
  })
  expect(await store.getSession('s')).toMatchObject({
    epoch: 2,
    seq: 0,
    messageCount: 0,
    memorySummary: null,
    state: 'idle',
  })
  expect(await store.getRun('run-1')).toMatchObject({ state: 'cancelled', finishedAt: 2_000 })
  expect((await store.history({ sessionId: 's', epoch: 1, limit: 10, maxBytes: 1e6 })).entries).toHaveLength(1)
  expect((await store.history({ sessionId: 's', epoch: 2, limit: 10, maxBytes: 1e6 })).entries).toHaveLength(0)
  expect(changes.slice(-2).map(change => change.type)).toEqual(['session.reset', 'session.updated'])
})

test('a deleted session is hidden from every query and refuses every command', async () => {
  await create('s')
  await sendText(store, 's', '1')
  await store.deleteSession({ cut: { messageId: 'cut' }, sessionId: 's', at: 3_000 })
  expect(changes.at(-1)).toEqual({ type: 'session.deleted', sessionId: 's' })
  expect(await store.getSession('s')).toBeUndefined()
  expect(await store.getHead('s')).toBeUndefined()
  expect(await store.getMessage('message-1')).toBeUndefined()
  expect((await store.listSessions({ limit: 10 })).sessions).toEqual([])
  expect(await store.startRun({ runId: 'run-1', at: 1 })).toBeUndefined()
  const gone = { code: 'SESSION_NOT_FOUND' }
  await expect(store.history({ sessionId: 's', epoch: 1, limit: 1, maxBytes: 1 })).rejects.toMatchObject(gone)
  await expect(store.sessionUsage('s')).rejects.toMatchObject(gone)
  await expect(sendText(store, 's', '2')).rejects.toMatchObject(gone)
  await expect(store.updateSession({ sessionId: 's', title: 'x' })).rejects.toMatchObject(gone)
  await expect(store.resetSession({ cut: { messageId: 'cut' }, sessionId: 's', at: 1 })).rejects.toMatchObject(gone)
  await expect(store.deleteSession({ cut: { messageId: 'cut' }, sessionId: 's', at: 1 })).rejects.toMatchObject(gone)
})

test('a restored session has its log again', async () => {
  await create('s')
  await sendText(store, 's', '1')
  await store.deleteSession({ cut: { messageId: 'cut' }, sessionId: 's', at: 3_000 })
  const { session } = await store.restoreSession({ sessionId: 's', at: 4_000 })
  expect(session).toMatchObject({ id: 's', seq: 1, state: 'idle' })
  expect(changes.at(-1)).toEqual({ type: 'session.updated', session })
  expect((await store.history({ sessionId: 's', epoch: 1, limit: 10, maxBytes: 1e6 })).entries).toHaveLength(1)
})

test('erasing removes what was deleted long enough ago, in steps, and nothing else', async () => {
  await create('old')
  await create('new')
  await create('kept')
  await Promise.all(Array.from({ length: 2_100 }, (_, index) => sendText(store, 'old', `${index}`)))
  await sendText(store, 'kept', 'kept')
  await store.deleteSession({ cut: { messageId: 'cut' }, sessionId: 'old', at: 10 })
  await store.deleteSession({ cut: { messageId: 'cut' }, sessionId: 'new', at: 20 })
  expect(await store.eraseDeleted({ before: 20 })).toEqual({ erased: 1 })
  await expect(store.restoreSession({ sessionId: 'old', at: 1 })).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
  expect(await store.getRun('run-7')).toBeUndefined()
  expect((await store.restoreSession({ sessionId: 'new', at: 1 })).session.id).toBe('new')
  expect(await store.counts()).toEqual({ sessions: 2, activeSessions: 1, totalMessages: 1 })
})

test("a message goes to the sender's own session, which is made once", async () => {
  const send = (name: string, more: object) =>
    sendText(store, '', name, {
      target: { findOrCreate: { id: `new-${name}`, senderId: 'bob', channel: 'sms', ...more } },
    })
  const [first, second] = await Promise.all([send('1', {}), send('2', {})])
  expect(first).toMatchObject({ sessionId: 'new-1', seq: 1 })
  expect(second).toMatchObject({ sessionId: 'new-1', seq: 2 })
  expect(changes.map(change => change.type)).toEqual([
    'session.created',
    'entry',
    'session.updated',
    'entry',
    'session.updated',
  ])
  const group = await send('3', { groupId: 'g' })
  expect(group.sessionId).toBe('new-3')
  expect((await send('4', { groupId: 'g', senderId: 'eve' })).sessionId).toBe('new-3')
  expect((await send('5', {})).sessionId).toBe('new-1')
  await store.deleteSession({ cut: { messageId: 'cut' }, sessionId: 'new-1', at: 1 })
  expect((await send('6', {})).sessionId).toBe('new-6')
})

test('a summary of more than the log holds is dropped, as is one of another epoch', async () => {
  await create('s')
  await sendText(store, 's', '1')
  await store.saveMemorySummary({ sessionId: 's', summary: 'too far', throughSeq: 2 })
  await store.saveMemorySummary({ sessionId: 's', summary: 'elsewhere', throughSeq: 1, epoch: 7 })
  expect(await store.getMemorySummary('s')).toBeUndefined()
  await store.saveMemorySummary({ sessionId: 's', summary: 'right', throughSeq: 1, epoch: 1 })
  expect(await store.getMemorySummary('s')).toEqual({ summary: 'right', throughSeq: 1 })
})

test('counts follow creation, deletion and restoring', async () => {
  await create('a')
  await create('b')
  await sendText(store, 'a', '1')
  expect(await store.counts()).toEqual({ sessions: 2, activeSessions: 1, totalMessages: 1 })
  await store.deleteSession({ cut: { messageId: 'cut' }, sessionId: 'a', at: 1 })
  expect(await store.counts()).toEqual({ sessions: 1, activeSessions: 0, totalMessages: 1 })
  await store.restoreSession({ sessionId: 'a', at: 1 })
  expect(await store.counts()).toEqual({ sessions: 2, activeSessions: 0, totalMessages: 1 })
})
