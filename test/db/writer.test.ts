import { renameSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { commitBatch, type Order } from '../../src/db/sqlite/commit.ts'
import { openSqliteStore, type SqliteOptions } from '../../src/db/sqlite/engine.ts'
import { migrate } from '../../src/db/sqlite/migrate.ts'
import { openWriter, prepareFile } from '../../src/db/sqlite/open.ts'
import { migrationsDir, sendText, temporaryHome, temporaryStore } from '../support/store.ts'

async function storeWithSessions(count: number, options: Partial<SqliteOptions> = {}) {
  const { store, dispose } = await temporaryStore(options)
  onTestFinished(dispose)
  const ids = Array.from({ length: count }, (_, index) => `s${index}`)
  await Promise.all(ids.map(id => store.createSession({ id, senderId: 'a', channel: 'c', at: 1 })))
  return { store, ids }
}

async function connection() {
  const { file, home, remove } = temporaryHome()
  prepareFile(file)
  const opened = openWriter(file)
  onTestFinished(() => {
    opened.close()
    remove()
  })
  await migrate(opened, { migrationsDir, backupsDir: home, now: 1 })
  return opened
}

const create = (id: string): Order => ({ name: 'createSession', input: { id, senderId: 'a', channel: 'c', at: 1 } })
const send = (sessionId: string, name: string, text = 'x'): Order => ({
  name: 'sendMessage',
  input: { target: { sessionId }, messageId: name, runId: `run-${name}`, text, tokenId: 't', at: 1 },
})

test('a crowd shares commits; every log is gapless and heard in its order, before its promises resolve', async () => {
  const { store, ids } = await storeWithSessions(10)
  const heard = new Map<string, number[]>(ids.map(id => [id, []]))
  store.onCommit(changes => {
    for (const change of changes) {
      if (change.type === 'entry') heard.get(change.entry.sessionId)?.push(change.entry.seq)
    }
  })
  const before = store.stats().writer
  await Promise.all(
    Array.from({ length: 2_000 }, async (_, index) => {
      const id = ids[index % ids.length] ?? ''
      const { seq } = await sendText(store, id, `${index}`)
      expect(heard.get(id)).toContain(seq)
    }),
  )
  const after = store.stats().writer
  expect(after.commands - before.commands).toBe(2_000)
  expect(after.commits - before.commits).toBeLessThan(100)
  const expected = Array.from({ length: 200 }, (_, index) => index + 1)
  for (const id of ids) {
    expect(heard.get(id)).toEqual(expected)
    const { entries } = await store.history({ sessionId: id, epoch: 1, after: 0, limit: 1_000, maxBytes: 1e9 })
    expect(entries.map(({ seq }) => seq)).toEqual(expected)
  }
})

test('promises resolve in the order in which their commands were given', async () => {
  const { store } = await storeWithSessions(1)
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 300 }, (_, index) => sendText(store, 's0', `${index}`).then(() => order.push(index))),
  )
  expect(order).toEqual(Array.from({ length: 300 }, (_, index) => index))
})

test('a command that fails undoes itself only', async () => {
  const { store } = await storeWithSessions(1)
  await sendText(store, 's0', 'taken')
  const outcomes = await Promise.allSettled([
    sendText(store, 's0', '1'),
    // Fails after it has already moved the head of the session.
    sendText(store, 's0', '2', { messageId: 'message-taken' }),
    sendText(store, 'nobody', '3'),
    sendText(store, 's0', '4'),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
  expect(outcomes[1]).toMatchObject({ reason: { code: 'CONFLICT' } })
  expect(outcomes[2]).toMatchObject({ reason: { code: 'SESSION_NOT_FOUND' } })
  expect(await store.getHead('s0')).toEqual({ epoch: 1, seq: 3 })
  expect(await store.counts()).toMatchObject({ totalMessages: 3 })
})

test('an error carries what a client is told across the thread', async () => {
  const { store } = await storeWithSessions(0)
  await expect(sendText(store, 'nobody', '1')).rejects.toMatchObject({
    name: 'TalonError',
    code: 'SESSION_NOT_FOUND',
    extras: { sessionId: 'nobody' },
  })
})

test('over its bounds the queue refuses at once and says when to come back', async () => {
  const { store } = await storeWithSessions(1, { maxWaiting: 50, maxWaitingChars: 10_000 })
  const outcomes = await Promise.allSettled(Array.from({ length: 80 }, (_, index) => sendText(store, 's0', `${index}`)))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(50)
  expect(outcomes[50]).toMatchObject({ reason: { code: 'OVERLOADED', extras: { retryAfterMs: expect.any(Number) } } })
  const long = await Promise.allSettled(
    ['a', 'b', 'c'].map(name => sendText(store, 's0', name, { text: 'x'.repeat(name === 'a' ? 20_000 : 10) })),
  )
  expect(long.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  expect(store.stats().writer.waiting).toBe(0)
})

test('a listener that throws is reported and nobody else notices', async () => {
  const errors: unknown[] = []
  const { store } = await storeWithSessions(1, { onError: error => errors.push(error) })
  const heard: string[] = []
  store.onCommit(() => {
    throw new Error('deaf')
  })
  store.onCommit(changes => heard.push(...changes.map(({ type }) => type)))
  expect(await sendText(store, 's0', '1')).toMatchObject({ seq: 1 })
  expect(errors).toMatchObject([{ message: 'deaf' }])
  expect(heard).toEqual(['entry', 'session.updated'])
})

test('closing waits for what was accepted and refuses what comes later', async () => {
  const { home, file, remove } = temporaryHome()
  onTestFinished(remove)
  const store = await openSqliteStore({ file, home, migrationsDir })
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  let acknowledged = 0
  for (let index = 0; index < 1_000; index++) void sendText(store, 's', `${index}`).then(() => acknowledged++)
  const closed = store.close()
  await expect(sendText(store, 's', 'late')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  await closed
  await store.close()
  expect(acknowledged).toBe(1_000)
  await expect(store.getHead('s')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  const again = await openSqliteStore({ file, home, migrationsDir })
  expect(await again.getHead('s')).toEqual({ epoch: 1, seq: 1_000 })
  await again.close()
})

test('a batch whose transaction cannot be committed is refused whole, and the next one works', async () => {
  const writer = await connection()
  expect(commitBatch(writer, [create('s'), send('s', 'm1')]).committed).toBe(true)
  const pages = Number(writer.database.pragma('page_count', { simple: true }))
  writer.database.pragma(`max_page_count = ${pages + 2}`)
  const refused = commitBatch(writer, [send('s', 'm2'), send('s', 'm3', 'x'.repeat(100_000))])
  expect(refused.settled.at(-1)).toMatchObject({ ok: false, error: { code: 'STORAGE_UNAVAILABLE' } })
  writer.database.pragma('max_page_count = 1000000')
  const receipt = commitBatch(writer, [send('s', 'm4', 'x'.repeat(100_000))])
  expect(receipt.settled).toMatchObject([{ ok: true }])
  const seqs = writer.database.prepare('SELECT seq FROM messages ORDER BY seq').pluck().all()
  expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1))
})

test('a database that another program holds locked is not available, and is again afterwards', async () => {
  const writer = await connection()
  const other = openWriter(writer.database.name)
  writer.database.pragma('busy_timeout = 20')
  other.database.exec('BEGIN IMMEDIATE')
  expect(commitBatch(writer, [create('a'), create('b')])).toMatchObject({
    committed: false,
    changes: [],
    settled: [{ ok: false, error: { code: 'STORAGE_UNAVAILABLE' } }, { ok: false }],
  })
  other.close()
  expect(commitBatch(writer, [create('a')]).committed).toBe(true)
})

test('a writer that ends refuses what it was given, and the next command starts another', async () => {
  const errors: unknown[] = []
  const { home, file, remove } = temporaryHome()
  onTestFinished(remove)
  const store = await openSqliteStore({ file, home, migrationsDir, onError: error => errors.push(error) })
  // The thread has yet to load its code, and will find no file to open.
  renameSync(file, `${file}.away`)
  const outcomes = await Promise.allSettled([store.probe({ at: 1 }), store.probe({ at: 2 })])
  expect(outcomes).toMatchObject([
    { reason: { code: 'STORAGE_UNAVAILABLE' } },
    { reason: { code: 'STORAGE_UNAVAILABLE' } },
  ])
  expect(errors).toHaveLength(1)
  renameSync(`${file}.away`, file)
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  expect(await store.getSession('s')).toBeDefined()
  await store.close()
})
