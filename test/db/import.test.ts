import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Change, ImportedEntry, ImportedSession, Store } from '../../src/db/store.ts'
import { temporaryStore } from '../support/store.ts'

let store: Store
let file: string
let dispose: () => Promise<void>

beforeEach(async () => {
  ;({ store, file, dispose } = await temporaryStore())
})
afterEach(() => dispose())

const about: ImportedSession = { senderId: 'ana', channel: 'webchat', createdAt: 10, lastActiveAt: 20 }
const source = {
  folder: '',
  source: 'sessions/a.json',
  sizeBytes: 5,
  modifiedAt: 6,
  sha256: 'digest',
  messagesRead: 1,
  messagesHash: 'hash',
  warnings: ['careful'],
}

function entry(id: string, more: Partial<ImportedEntry> = {}): ImportedEntry {
  return { id, spareId: `spare-${id}`, role: 'user', content: `text ${id}`, timestamp: 15, ...more }
}

async function begin(id: string): Promise<string> {
  return (await store.beginImport({ id, spareId: `${id}-spare`, at: 1 })).sessionId
}

async function logOf(sessionId: string, epoch = 1) {
  return (await store.history({ sessionId, epoch, after: 0, limit: 100, maxBytes: 1e6 })).entries
}

test('an imported session is seen by nobody before it is whole, and then by everybody', async () => {
  const changes: Change[] = []
  store.onCommit(committed => changes.push(...committed))
  const sessionId = await begin('a')
  await store.importEntries({ sessionId, epoch: 1, entries: [entry('m')] })
  expect(await store.getSession('a')).toBeUndefined()
  expect(await store.getMessage('m')).toBeUndefined()
  expect((await store.listSessions({ limit: 10 })).sessions).toEqual([])
  expect(await store.counts()).toMatchObject({ sessions: 0 })
  await expect(store.restoreSession({ sessionId: 'a', at: 2 })).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
  const found = await store.sendMessage({
    target: { findOrCreate: { id: 'other', senderId: 'ana', channel: 'webchat' } },
    messageId: 'n',
    runId: 'r',
    text: 'hello',
    tokenId: 't',
    at: 3,
  })
  expect(found.sessionId).toBe('other')
  expect(changes.filter(change => 'session' in change && change.session.id === 'a')).toEqual([])
  const { session, entries } = await store.finishImport({ sessionId, epoch: 1, session: about, source, at: 4 })
  expect({ entries, session }).toMatchObject({
    entries: 1,
    session: { id: 'a', state: 'idle', messageCount: 1, seq: 1 },
  })
  expect(changes.at(-1)).toEqual({ type: 'session.created', session })
  expect(await store.getSession('a')).toEqual(session)
  expect((await store.listSessions({ limit: 10, senderId: 'ana' })).sessions.map(({ id }) => id)).toEqual([
    'a',
    'other',
  ])
  expect(await store.findImports({ folder: '', source: 'sessions/a.json' })).toEqual([
    { ...source, sessionId: 'a', messagesStored: 1, finishedAt: 4 },
  ])
})

test('where as many imports as may be are under way the next one waits until one has ended', async () => {
  const begun = await Promise.all(Array.from({ length: 64 }, (_, index) => begin(`s${index}`)))
  const next = begin('next')
  await store.abandonImport({ sessionId: begun[0] ?? '' })
  expect(await next).toBe('next')
})

test('every field of a session and its entries is kept', async () => {
  const sessionId = await begin('a')
  const usage = { inputTokens: 1, outputTokens: 2, totalTokens: 3 }
  const toolCalls = [{ id: 'c', name: 'file_read', args: { path: 'x' } }]
  await store.importEntries({
    sessionId,
    epoch: 2,
    entries: [
      entry('m1', { role: 'assistant', content: '', toolCalls, model: 'big', usage }),
      entry('m2', { role: 'tool', toolCallId: 'c', incomplete: true, legacy: { success: true } }),
      entry('m3', { role: 'assistant', final: true, senderName: 'Ana', legacyId: 'old' }),
    ],
  })
  await store.importEntries({ sessionId, epoch: 1, entries: [entry('m0')] })
  const { session, entries } = await store.finishImport({
    sessionId,
    epoch: 2,
    session: {
      ...about,
      state: 'active',
      title: 'Title',
      senderName: 'Ana',
      model: 'big',
      config: { a: 1 },
      groupId: 'g',
      memorySummary: 'Before: much.',
      spent: { ...usage, runs: 4 },
      legacy: { b: 2 },
    },
    at: 4,
  })
  expect(entries).toBe(4)
  expect(session).toMatchObject({
    ...about,
    state: 'idle',
    title: 'Title',
    senderName: 'Ana',
    model: 'big',
    config: { a: 1 },
    memorySummary: 'Before: much.',
    epoch: 2,
    seq: 3,
    messageCount: 3,
  })
  expect(await store.getMemorySummary('a')).toEqual({ summary: 'Before: much.', throughSeq: 0 })
  expect(await store.sessionUsage('a')).toEqual({ ...usage, runs: 4 })
  const common = { sessionId: 'a', epoch: 2 }
  expect(await logOf('a', 2)).toEqual([
    {
      ...common,
      seq: 1,
      final: false,
      message: { id: 'm1', seq: 1, role: 'assistant', content: '', toolCalls, model: 'big', usage, timestamp: 15 },
    },
    {
      ...common,
      seq: 2,
      final: false,
      message: { id: 'm2', seq: 2, role: 'tool', content: 'text m2', toolCallId: 'c', incomplete: true, timestamp: 15 },
    },
    {
      ...common,
      seq: 3,
      final: true,
      message: { id: 'm3', seq: 3, role: 'assistant', content: 'text m3', senderName: 'Ana', timestamp: 15 },
    },
  ])
  expect(await logOf('a', 1)).toHaveLength(1)
})

test('an id that is taken is replaced by the spare one, of sessions and of messages', async () => {
  await store.createSession({ id: 'a', senderId: 's', channel: 'c', at: 1 })
  const sessionId = await begin('a')
  expect(sessionId).toBe('a-spare')
  await store.importEntries({
    sessionId,
    epoch: 1,
    entries: [entry('m'), entry('m', { spareId: 'free', content: 'second' })],
  })
  await store.finishImport({ sessionId, epoch: 1, session: about, at: 4 })
  expect((await logOf(sessionId)).map(({ message }) => [message.id, message.content])).toEqual([
    ['m', 'text m'],
    ['free', 'second'],
  ])
})

test('texts without meaning in UTF-8 are stored with U+FFFD, wherever they stand', async () => {
  const sessionId = await begin('a')
  const lone = 'x \ud83d y'
  await store.importEntries({
    sessionId,
    epoch: 1,
    entries: [
      entry(lone, { content: `${lone}\u0000end`, senderName: lone, toolCallId: lone, model: lone, legacy: { lone } }),
    ],
  })
  await store.finishImport({ sessionId, epoch: 1, session: { ...about, title: lone, memorySummary: lone }, at: 4 })
  const [stored] = await logOf(sessionId)
  expect(stored?.message).toMatchObject({ content: 'x \ufffd y\u0000end', senderName: 'x \ufffd y' })
})

test('what was stored is read back: where it is not what was handed in, nothing of it stays', async () => {
  const sessionId = await begin('a')
  await store.importEntries({
    sessionId,
    epoch: 1,
    entries: Array.from({ length: 1_500 }, (_, index) => entry(`m${index}`)),
  })
  const other = new Database(file)
  other.prepare("UPDATE messages SET content = 'damaged' WHERE id = 'm1400'").run()
  other.close()
  await expect(store.finishImport({ sessionId, epoch: 1, session: about, at: 4 })).rejects.toMatchObject({
    code: 'INTERNAL',
    message: expect.stringContaining('is not what was read'),
  })
  expect(await store.counts()).toMatchObject({ sessions: 0, totalMessages: 0 })
  expect(await begin('a')).toBe('a')
})

test('an import that is given up leaves nothing, and cannot be gone on with', async () => {
  const sessionId = await begin('a')
  await store.importEntries({ sessionId, epoch: 1, entries: [entry('m')] })
  await store.abandonImport({ sessionId })
  await expect(store.importEntries({ sessionId, epoch: 1, entries: [entry('n')] })).rejects.toMatchObject({
    code: 'CONFLICT',
  })
  await expect(store.finishImport({ sessionId, epoch: 1, session: about, at: 4 })).rejects.toMatchObject({
    code: 'CONFLICT',
  })
  expect(await store.counts()).toMatchObject({ sessions: 0, totalMessages: 0 })
  expect(await begin('a')).toBe('a')
})

test('what a dead process left of an import is dropped at the next start', async () => {
  const sessionId = await begin('a')
  await store.importEntries({ sessionId, epoch: 1, entries: [entry('m')] })
  expect(await store.dropUnfinishedImports()).toEqual({ dropped: 1 })
  expect(await store.eraseDeleted({ before: 1 })).toEqual({ erased: 1 })
  expect(await store.counts()).toMatchObject({ sessions: 0, totalMessages: 0 })
  expect(await store.dropUnfinishedImports()).toEqual({ dropped: 0 })
})

test('an imported session goes on as any other', async () => {
  const sessionId = await begin('a')
  await store.importEntries({ sessionId, epoch: 1, entries: [entry('m')] })
  await store.finishImport({ sessionId, epoch: 1, session: about, at: 4 })
  const target = { findOrCreate: { id: 'new', senderId: 'ana', channel: 'webchat' } }
  const sent = await store.sendMessage({ target, messageId: 'n', runId: 'r', text: 'again', tokenId: 't', at: 30 })
  expect(sent).toMatchObject({ sessionId: 'a', epoch: 1, seq: 2 })
  expect(await store.getSession('a')).toMatchObject({ state: 'active', messageCount: 2, lastActiveAt: 30 })
})
