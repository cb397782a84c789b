import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openLegacyDatabase } from '../../../src/db/sqlite/legacy-database.ts'
import { importInto, logOf, message, newFolder, newStore, session, snapshot, writeOld } from './importing.ts'

// As v0.4.0 made it.
const schema = `
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY, sender_id TEXT NOT NULL, channel TEXT NOT NULL, state TEXT NOT NULL, memory_summary TEXT,
    created_at INTEGER NOT NULL, last_active_at INTEGER NOT NULL, message_count INTEGER DEFAULT 0, model TEXT, config TEXT);
  CREATE TABLE messages (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL, timestamp INTEGER NOT NULL,
    token_usage TEXT, FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE);
  CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT);
  CREATE INDEX idx_messages_session ON messages(session_id);`

const usage = '{"promptTokens":3,"completionTokens":4,"totalTokens":7}'

/** A database of v0.4.0 in a folder of its own. */
function oldDatabase(fill: (database: Database.Database) => void, keepLog = false): string {
  const folder = newFolder()
  const made = newFolder()
  const database = new Database(join(made, 'talon.db'))
  database.pragma('journal_mode = WAL')
  database.exec(schema)
  fill(database)
  // Copied while it is open, its log is not folded into it: that is what a process which was killed leaves.
  if (!keepLog) database.close()
  cpSync(join(made, 'talon.db'), join(folder, 'talon.db'))
  if (keepLog) {
    cpSync(join(made, 'talon.db-wal'), join(folder, 'talon.db-wal'))
    database.close()
  }
  return folder
}

function addSession(database: Database.Database, id: string, messages: number): void {
  database
    .prepare(
      "INSERT INTO sessions VALUES (?, 'ana', 'telegram', 'active', 'Likes tea.', 10, 20, ?, 'gpt', '{\"a\":1}')",
    )
    .run(id, messages)
  for (let index = 0; index < messages; index++) {
    database
      .prepare('INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)')
      .run(
        `${id}-${index}`,
        id,
        index % 2 === 0 ? 'user' : 'assistant',
        `text ${index}`,
        100,
        index % 2 === 0 ? null : usage,
      )
  }
}

test('the sessions of the old database are imported with all they have, and nothing is made beside it', async () => {
  const to = await newStore()
  const folder = oldDatabase(database => {
    addSession(database, 'a', 600)
    addSession(database, 'b', 0)
  })
  const before = snapshot(folder)
  const { files, totals } = await importInto(to, folder)
  expect(totals).toMatchObject({ files: 2, sessions: 2, messagesStored: 600, warnings: 0, failed: 0 })
  expect(files.map(({ file }) => file)).toEqual(['talon.db#a', 'talon.db#b'])
  expect(await to.store.getSession('a')).toMatchObject({
    senderId: 'ana',
    channel: 'telegram',
    state: 'idle',
    memorySummary: 'Likes tea.',
    createdAt: 10,
    lastActiveAt: 20,
    model: 'gpt',
    config: { a: 1 },
    messageCount: 600,
  })
  const log = await logOf(to.store, 'a')
  expect(log.map(({ message: { content } }) => content)).toEqual(
    Array.from({ length: 600 }, (_, index) => `text ${index}`),
  )
  expect(log[1]?.message).toMatchObject({ id: 'a-1', usage: { inputTokens: 3, outputTokens: 4, totalTokens: 7 } })
  expect(snapshot(folder)).toEqual(before)
  expect((await importInto(to, folder)).totals).toMatchObject({ sessions: 0, messagesStored: 0, failed: 0 })
  expect(snapshot(folder)).toEqual(before)
  // In another place, with another time, it is still the same.
  const elsewhere = newFolder()
  cpSync(join(folder, 'talon.db'), join(elsewhere, 'talon.db'))
  expect((await importInto(to, elsewhere)).totals).toMatchObject({ sessions: 0, messagesStored: 0, failed: 0 })
})

test('where a session file has the same id, the file has the messages, even once it is gone', async () => {
  const to = await newStore()
  const folder = oldDatabase(database => {
    addSession(database, 'both', 3)
    addSession(database, 'broken', 2)
  })
  const file = join(folder, 'sessions', 'both.json')
  writeOld(file, session('both', [message('j', 'from the file')]))
  writeOld(join(folder, 'sessions', 'broken.json'), '')
  const { totals } = await importInto(to, folder)
  expect(totals).toMatchObject({ sessions: 2, messagesStored: 3, failed: 1 })
  expect((await logOf(to.store, 'both')).map(({ message: { content } }) => content)).toEqual(['from the file'])
  expect(await logOf(to.store, 'broken')).toHaveLength(2)
  rmSync(file)
  // The database is looked at again, because it changed.
  const database = new Database(join(folder, 'talon.db'))
  addSession(database, 'new', 1)
  database.close()
  expect((await importInto(to, folder)).totals).toMatchObject({ sessions: 1, messagesStored: 1 })
  expect(await to.store.getSession('both')).toMatchObject({ messageCount: 1 })
})

test('what stands in the log of a database is read as well', async () => {
  const to = await newStore()
  const folder = oldDatabase(database => addSession(database, 'a', 5), true)
  const before = snapshot(folder)
  expect((await importInto(to, folder)).totals).toMatchObject({ sessions: 1, messagesStored: 5, failed: 0 })
  expect(snapshot(folder)).toEqual(before)
})

test('messages that were added since become a session of their own', async () => {
  const to = await newStore()
  const folder = oldDatabase(database => addSession(database, 'a', 2))
  await importInto(to, folder)
  const database = new Database(join(folder, 'talon.db'))
  database.prepare("INSERT INTO messages VALUES ('later', 'a', 'user', 'later', 200, NULL)").run()
  database.close()
  const { files } = await importInto(to, folder)
  expect(files).toMatchObject([{ outcome: 'grown', messagesStored: 1 }])
  expect((await logOf(to.store, files[0]?.sessionId ?? ''))[0]?.message.id).toBe('later')
})

test('columns that are not known, and messages without their session, are kept', async () => {
  const to = await newStore()
  const folder = oldDatabase(database => {
    addSession(database, 'a', 0)
    database.exec('ALTER TABLE messages ADD COLUMN tool_calls TEXT; ALTER TABLE messages ADD COLUMN mood TEXT')
    database.exec('ALTER TABLE sessions ADD COLUMN scratch_pad BLOB')
    database.prepare("UPDATE sessions SET scratch_pad = x'00ff'").run()
    const calls = JSON.stringify([{ id: 'c', tool: 'file_read', args: {} }])
    database.prepare("INSERT INTO messages VALUES ('m', 'a', 'assistant', '', 1, NULL, ?, 'good')").run(calls)
    database.pragma('foreign_keys = OFF')
    database.prepare("INSERT INTO messages VALUES ('o', 'orphan', 'user', 'alone', 7, NULL, NULL, NULL)").run()
  })
  const { files, totals } = await importInto(to, folder)
  expect(totals).toMatchObject({ sessions: 2, messagesStored: 2, failed: 0, warnings: 1 })
  expect(files[1]?.warnings).toEqual(['The session itself is gone from the database; its messages are there.'])
  expect((await logOf(to.store, 'a'))[0]?.message.toolCalls).toEqual([{ id: 'c', name: 'file_read', args: {} }])
  expect(await to.store.getSession('orphan')).toMatchObject({ senderId: 'web-user', createdAt: 7 })
  const database = new Database(to.file, { readonly: true })
  const legacy = database
    .prepare(
      "SELECT (SELECT legacy FROM sessions WHERE id = 'a') AS a, (SELECT legacy FROM messages WHERE id = 'm') AS m",
    )
    .get()
  database.close()
  expect(legacy).toEqual({ a: '{"scratchPad":{"base64":"AP8="},"metadata":{"messageCount":0}}', m: '{"mood":"good"}' })
})

test('a database that cannot be read is reported, and does not stop the session files', async () => {
  const to = await newStore()
  for (const content of ['no database at all', '']) {
    const folder = newFolder()
    writeFileSync(join(folder, 'talon.db'), content)
    writeOld(join(folder, 'sessions', 'x.json'), session(`x${content.length}`, [message('a', content)]))
    const { files } = await importInto(to, folder)
    expect(files).toMatchObject([{ outcome: 'imported' }, { outcome: 'failed', file: 'talon.db' }])
    expect(files[1]?.error).toMatch(/^The database (cannot be read|holds no sessions)/)
  }
})

test('others come between while a session is measured and read', async () => {
  const folder = oldDatabase(database => addSession(database, 'a', 5_000))
  const database = await openLegacyDatabase({ folder, name: 'talon.db', modifiedAt: 1, scratch: newFolder() })
  let turns = 0
  let next: NodeJS.Immediate
  const turn = () => {
    turns += 1
    next = setImmediate(turn)
  }
  next = setImmediate(turn)
  const source = database.session('a')
  await source.sizeBytes()
  const measured = turns
  for await (const _pieces of source.read()) turns += 0
  clearImmediate(next)
  database.close()
  expect(measured).toBeGreaterThan(15)
  expect(turns - measured).toBeGreaterThan(15)
})

test('messages come in the order of their times, and of their places where those are the same', async () => {
  const to = await newStore()
  const folder = oldDatabase(database => {
    addSession(database, 'a', 0)
    const add = database.prepare("INSERT INTO messages VALUES (?, 'a', 'user', ?, ?, NULL)")
    for (let index = 0; index < 5_000; index++) add.run(`m${index}`, `text ${index}`, 10 - (index % 3))
  })
  await importInto(to, folder)
  const log = await logOf(to.store, 'a')
  const places = log.map(({ message: { content } }) => Number(content.slice(5)))
  const all = Array.from({ length: 5_000 }, (_, index) => index)
  expect(places).toEqual([2, 1, 0].flatMap(rest => all.filter(index => index % 3 === rest)))
})
