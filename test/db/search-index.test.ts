import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { doChores } from '../../src/db/sqlite/chores.ts'
import { commitBatch, type Order } from '../../src/db/sqlite/commit.ts'
import { openSqliteStore, type SqliteOptions } from '../../src/db/sqlite/engine.ts'
import { guardReads } from '../../src/db/sqlite/guard.ts'
import { migrate } from '../../src/db/sqlite/migrate.ts'
import { type Connection, openWriter, prepareFile } from '../../src/db/sqlite/open.ts'
import { createWriteQueue } from '../../src/db/sqlite/queue.ts'
import { searchMessages } from '../../src/db/sqlite/search.ts'
import { migrationsDir, temporaryHome } from '../support/store.ts'
import { now, searchableStore, searching } from './search-fixture.ts'

const writeUntilKilled = fileURLToPath(new URL('./children/write-until-killed.ts', import.meta.url))

/** A database with a writing connection that does no chores by itself. */
async function writer(dir = migrationsDir) {
  const { home, file, remove } = temporaryHome()
  prepareFile(file)
  const connection = openWriter(file)
  onTestFinished(() => {
    connection.close()
    remove()
  })
  await migrate(connection, { migrationsDir: dir, backupsDir: undefined, now: 1 })
  return { connection, home, file }
}

function write(connection: Connection, orders: Order[]): void {
  expect(commitBatch(connection, orders).settled.filter(({ ok }) => !ok)).toEqual([])
}

const create = (id: string, title?: string): Order => ({
  name: 'createSession',
  input: { id, senderId: 'a', channel: 'web', at: now, title },
})
const send = (sessionId: string, id: string, text: string): Order => ({
  name: 'sendMessage',
  input: { target: { sessionId }, messageId: id, runId: id, text, tokenId: 't', at: now },
})
const erase = (sessionId: string): Order[] => [
  { name: 'deleteSession', input: { sessionId, at: 1, cut: { messageId: `cut-${sessionId}` } } },
  { name: 'eraseStep', input: { before: now } },
  { name: 'eraseStep', input: { before: now } },
]

async function reopen(file: string, options: Partial<SqliteOptions> = {}) {
  const store = await openSqliteStore({ file, migrationsDir, ...options })
  onTestFinished(() => store.close())
  return { store, ...searching(store) }
}

function settle(connection: Connection): void {
  for (let more = true; more; ) more = doChores(connection)
}

function through(connection: Connection): unknown {
  return connection.database.prepare('SELECT messages_through FROM search_state').pluck().get()
}

/** Whether the parts of the index hold these letters, found or not. */
function holds(connection: Connection, index: string, letters: string): boolean {
  const sql = `SELECT count(*) FROM ${index}_data WHERE instr(block, CAST(? AS BLOB)) > 0`
  return connection.database.prepare(sql).pluck().get(letters) !== 0
}

test('the writer indexes by itself, in steps, what nobody has searched yet', async () => {
  const { connection } = await writer()
  write(connection, [create('s', 'a title')])
  write(
    connection,
    Array.from({ length: 100 }, (_, index) => send('s', `m${index}`, `${'long text '.repeat(100)} number${index}`)),
  )
  expect(through(connection)).toBe(0)
  expect(doChores(connection)).toBe(true)
  expect(doChores(connection)).toBe(true)
  expect(through(connection)).toBeGreaterThan(5)
  expect(through(connection)).toBeLessThan(95)
  settle(connection)
  expect(through(connection)).toBe(100)
  expect(doChores(connection)).toBe(false)
  expect(holds(connection, 'message_index', 'number')).toBe(true)
  connection.database.exec("INSERT INTO message_index (message_index) VALUES ('integrity-check')")
})

test('while space is low nothing is indexed, merged or purged, but lists are brought up to date', async () => {
  const { connection } = await writer()
  write(connection, [create('s', 'a title'), send('s', 'm1', 'word')])
  const unlisted = connection.database.prepare('SELECT count(*) FROM sessions WHERE unlisted = 1').pluck()
  expect(unlisted.get()).toBe(1)
  expect(doChores(connection, { low: true })).toBe(false)
  expect([unlisted.get(), through(connection)]).toEqual([0, 0])
  settle(connection)
  expect(through(connection)).toBe(1)
})

test('the writer leaves its chores while space is low, and does them once it is back', async () => {
  const { connection, file } = await writer()
  write(connection, [create('s'), create('t'), send('s', 'm1', 'word'), send('t', 'm2', 'word')])
  settle(connection)
  write(connection, [send('s', 'm3', 'word')])
  const queue = createWriteQueue({
    file,
    maxWaiting: 10,
    maxWaitingChars: 1_000,
    onCommit: () => undefined,
    onError: () => undefined,
    refusal: () => undefined,
    onRefused: () => undefined,
  })
  onTestFinished(() => queue.close())
  const unlisted = connection.database.prepare('SELECT count(*) FROM sessions WHERE unlisted = 1').pluck()
  queue.noteSpace(true)
  // Each change is listed by the chores that follow; those of the first are done before those of the second.
  for (const [index, runId] of ['m1', 'm2'].entries()) {
    await queue.submit('finishRun', { runId, state: 'cancelled', at: now + index })
    await vi.waitFor(() => expect(unlisted.get()).toBe(0), { timeout: 15_000, interval: 5 })
  }
  expect(through(connection)).toBe(2)
  queue.noteSpace(false)
  await vi.waitFor(() => expect(through(connection)).toBeGreaterThan(2), { timeout: 15_000, interval: 5 })
})

test('searches that wait for the index share its steps', async () => {
  const { connection, file } = await writer()
  write(connection, [create('s'), ...Array.from({ length: 100 }, (_, index) => send('s', `m${index}`, 'common word'))])
  const { store, find } = await reopen(file)
  const searches = await Promise.all(Array.from({ length: 50 }, () => find('common')))
  for (const hits of searches) expect(hits).toHaveLength(100)
  // One takes in the messages, and one finds that nothing is left.
  expect(store.stats().writer.commands).toBeLessThanOrEqual(3)
})

test('what was committed and not indexed is found after a restart', async () => {
  const { connection, file } = await writer()
  write(connection, [create('s', 'firsttitle'), send('s', 'm1', 'firstword'), send('s', 'm2', 'secondword')])
  const { find } = await reopen(file)
  expect(await find('firstword OR secondword OR firsttitle')).toHaveLength(3)
})

test('messages of a database without an index are found after its upgrade', async () => {
  const { home, file, remove } = temporaryHome()
  onTestFinished(remove)
  const older = join(home, 'older')
  mkdirSync(older)
  copyFileSync(join(migrationsDir, '0001-log.sql'), join(older, '0001-log.sql'))
  prepareFile(file)
  const connection = openWriter(file)
  await migrate(connection, { migrationsDir: older, backupsDir: undefined, now: 1 })
  connection.database.exec(`
    INSERT INTO sessions (id, sender_id, channel, state, created_at, last_active_at, title)
      VALUES ('s', 'a', 'web', 'idle', 1, 1, 'oldtitle');
    INSERT INTO messages (id, session_id, role, content, timestamp, epoch, seq) VALUES ('m', 's', 'user', 'oldword', 1, 1, 1);
  `)
  connection.close()
  const { find } = await reopen(file)
  expect((await find('oldword OR oldtitle channel:web')).map(({ role }) => role).sort()).toEqual(['title', 'user'])
})

test('what was acknowledged is found after kill -9', async () => {
  const { file, remove } = temporaryHome()
  onTestFinished(remove)
  const child = spawn(process.execPath, [writeUntilKilled, file, '1'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const acknowledged: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const [, messageId = '', seq] = line.split(' ')
    if (seq !== undefined) acknowledged.push(messageId)
    if (acknowledged.length === 300) child.kill('SIGKILL')
  }
  await exited
  const { store, find } = await reopen(file)
  for (let unindexed = 1; unindexed > 0; ) ({ unindexed } = await store.search({ query: 'text', limit: 1, now }))
  for (const messageId of acknowledged.filter((_, index) => index % 10 === 0)) {
    // The text of a message tells its name, of which the words of another may be the beginning.
    const hits = await find(`"text ${messageId.replace('message-', '')} text"`)
    expect(hits.map(hit => hit.messageId)).toEqual([messageId])
  }
}, 60_000)

test('what an import brings is found when it is finished, by its channel too, and not before', async () => {
  const { store, say, find } = await searchableStore()
  await store.beginImport({ id: 'old', spareId: 'spare', at: now })
  const entries = Array.from({ length: 1_200 }, (_, index) => ({
    id: `old-${index}`,
    spareId: `spare-${index}`,
    role: 'user' as const,
    content: `imported number${index}`,
    timestamp: now,
  }))
  await store.importEntries({ sessionId: 'old', epoch: 1, entries })
  await say('live word')
  expect(await find('imported')).toEqual([])
  expect(await find('live')).toHaveLength(1)
  await store.finishImport({ sessionId: 'old', epoch: 1, session: importedSession, at: now })
  expect(await find('imported number1199 channel:telegram')).toMatchObject([{ sessionId: 'old', seq: 1_200 }])
  expect(await find('imported number0 -channel:telegram')).toEqual([])
  expect(await find('oldies')).toMatchObject([{ sessionId: 'old', role: 'title' }])
  expect((await store.search({ query: 'imported', limit: 1, now })).unindexed).toBe(0)
})

const importedSession = {
  senderId: 'bob',
  channel: 'telegram',
  createdAt: now,
  lastActiveAt: now,
  title: 'Oldies',
}

test('erased words leave the index for good, and the rowids of their messages are indexed anew', async () => {
  const { connection, file } = await writer()
  write(connection, [create('s'), send('s', 'm0', 'stays')])
  write(connection, [create('t', 'zzsecrettitle'), send('t', 'm1', 'zzsecretword'), send('t', 'm2', 'zzsecretword')])
  settle(connection)
  expect(holds(connection, 'message_index', 'zzsecretword')).toBe(true)
  expect(holds(connection, 'title_index', 'zzsecrettitle')).toBe(true)
  write(connection, erase('t'))
  expect(through(connection)).toBe(1)
  write(connection, [send('s', 'm3', 'newcomer')])
  settle(connection)
  expect(holds(connection, 'message_index', 'zzsecretword')).toBe(false)
  expect(holds(connection, 'title_index', 'zzsecrettitle')).toBe(false)
  expect(doChores(connection)).toBe(false)
  for (const index of ['message_index', 'title_index']) {
    connection.database.exec(`INSERT INTO ${index} (${index}) VALUES ('integrity-check')`)
  }
  const { find } = await reopen(file)
  expect((await find('stays OR newcomer')).map(({ seq }) => seq).sort()).toEqual([1, 2])
  expect(await find('zzsecretword OR zzsecrettitle')).toEqual([])
})

test('words that are erased before they were indexed are never found', async () => {
  const { connection, file } = await writer()
  write(connection, [create('t', 'gonetitle'), send('t', 'm1', 'goneword'), ...erase('t')])
  write(connection, [create('u'), send('u', 'm2', 'other')])
  const { find } = await reopen(file)
  expect(await find('goneword OR gonetitle OR other')).toMatchObject([{ messageId: 'm2' }])
})

test('a disk that takes nothing keeps nobody from searching what is indexed', async () => {
  const { connection, file } = await writer()
  write(connection, [create('s'), send('s', 'm1', 'indexedword')])
  settle(connection)
  write(connection, [send('s', 'm2', 'lateword')])
  const { store } = await reopen(file, { minFreeBytes: Number.MAX_SAFE_INTEGER })
  const search = (query: string) => store.search({ query, limit: 10, now })
  expect(await search('indexedword')).toMatchObject({ hits: [{ messageId: 'm1' }], unindexed: 1 })
  expect(await search('lateword')).toMatchObject({ hits: [], unindexed: 1 })
})

// Both hold what is not indexed yet, so that they are read from their beginning.
const small = ['SCAN unindexed_titles', 'SCAN unindexed_sessions', 'SCAN CONSTANT ROW']

test('no statement of a search or of its index reads a whole table', async () => {
  const { connection } = await writer()
  guardReads(connection, () => undefined)
  write(connection, [create('s', 'title'), send('s', 'm1', 'word'), { name: 'indexStep', input: undefined }])
  write(connection, [create('t', 'title'), send('t', 'm2', 'word'), ...erase('t')])
  settle(connection)
  for (const query of ['word', 'wor* -other', 'role:user session:s after:2020']) {
    searchMessages(connection, { query, sessionId: 's', limit: 1, now }, () => undefined)
  }
  const texts = [...connection.statements.keys()].filter(sql => /_index|unindexed|search_state|session_bases/.test(sql))
  expect(texts.length).toBeGreaterThan(12)
  for (const sql of texts) {
    const names = [...sql.matchAll(/@(\w+)/g)].map(([, name = '']) => [name, 1])
    const values = names.length > 0 ? [Object.fromEntries(names)] : [...sql.matchAll(/\?/g)].map(() => 1)
    const plan = connection.database
      .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
      .all(...values)
      .map(({ detail }) => detail)
    // A full-text index is always said to be scanned; M is a match, = a rowid. A list in JSON is what was asked for.
    const narrow = /^SCAN (\(|found$|json_each |\w+_index VIRTUAL TABLE INDEX \d+:(M|=))/
    expect(
      plan.filter(step => step.startsWith('SCAN') && !narrow.test(step) && !small.includes(step)),
      sql,
    ).toEqual([])
  }
})

test('of a word that very many messages hold the newest are found, those of a deleted session passed over', async () => {
  const { connection, file } = await writer()
  write(connection, [create('s'), create('t')])
  const said = (sessionId: string, from: number, count: number) =>
    Array.from({ length: count }, (_, index) => send(sessionId, `m${from + index}`, 'common'))
  write(connection, said('s', 0, 3_000))
  write(connection, said('t', 3_000, 3_000))
  const { store, find } = await reopen(file)
  const seqs = async () => (await find('common')).map(({ sessionId, seq }) => `${sessionId}${seq}`)
  expect((await seqs()).slice(0, 2)).toEqual(['t3000', 't2999'])
  await store.deleteSession({ sessionId: 't', at: now, cut: { messageId: 'cut' } })
  expect((await seqs()).slice(0, 2)).toEqual(['s3000', 's2999'])
})
