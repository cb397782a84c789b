import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { schemaSnapshot } from '../../scripts/docs/snapshot.ts'
import { SchemaError } from '../../src/db/schema-error.ts'
import { openSqliteReadOnly, openSqliteStore } from '../../src/db/sqlite/engine.ts'
import { migrationsDir as shipped, temporaryHome } from '../support/store.ts'

let place: ReturnType<typeof temporaryHome>
let migrationsDir: string

const shippedNames = readdirSync(shipped)
  .filter(name => /^\d{4}-.*\.sql$/.test(name))
  .map(name => name.slice(0, -'.sql'.length))
  .sort()

beforeEach(() => {
  place = temporaryHome()
  migrationsDir = join(place.home, 'migrations')
  mkdirSync(migrationsDir)
  for (const name of shippedNames) cpSync(join(shipped, `${name}.sql`), join(migrationsDir, `${name}.sql`))
})
afterEach(() => place.remove())

const open = (more: object = {}) =>
  openSqliteStore({ file: place.file, migrationsDir, now: () => Date.UTC(2026, 1, 19, 12), ...more })
const add = (name: string, sql: string) => writeFileSync(join(migrationsDir, name), sql)
const backups = () => readdirSync(join(place.home, 'backups')).sort()

function inFile<T>(read: (database: Database.Database) => T): T {
  const database = new Database(place.file)
  try {
    return read(database)
  } finally {
    database.close()
  }
}

const appliedNames = () => inFile(database => database.prepare('SELECT name FROM migrations').pluck().all())

async function openWithSession() {
  const store = await open()
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  await store.close()
}

test('a new database gets the whole schema and no backup', async () => {
  await (await open()).close()
  const tables = inFile(database =>
    database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all(),
  )
  for (const table of [
    'sessions',
    'messages',
    'runs',
    'tokens',
    'web_sessions',
    'idempotency',
    'tool_runs',
    'settings',
  ]) {
    expect(tables).toContain(table)
  }
  expect(appliedNames()).toEqual(shippedNames)
  expect(readdirSync(place.home)).not.toContain('backups')
})

test('the snapshot for reviews is the schema that all migrations make', () => {
  // Written by npm run docs.
  expect(schemaSnapshot(shipped)).toBe(readFileSync(join(shipped, 'schema.snapshot.sql'), 'utf8'))
})

test("the plan's columns and indexes are there", async () => {
  await (await open()).close()
  const columns = (table: string) =>
    inFile(database => database.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table))
  expect(columns('sessions')).toEqual(
    expect.arrayContaining(
      'id sender_id channel state memory_summary created_at last_active_at message_count model config'.split(' '),
    ),
  )
  expect(columns('messages')).toEqual(
    expect.arrayContaining('id session_id role content timestamp token_usage'.split(' ')),
  )
  const indexes = inFile(database =>
    database.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'").pluck().all(),
  )
  for (const index of [
    'sessions_sender',
    'sessions_channel',
    'sessions_state',
    'messages_session',
    'messages_timestamp',
  ]) {
    expect(indexes).toContain(`idx_${index}`)
  }
})

test('a later migration is applied once, after a backup that holds what was there', async () => {
  await openWithSession()
  add(
    '9002-more.sql',
    '-- drops: sessions\nCREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;\nDELETE FROM sessions;\n',
  )
  const notices: string[] = []
  const onNotice = ({ message }: { message: string }) => notices.push(message)
  await (await open({ onNotice })).close()
  await (await open({ onNotice })).close()
  expect(notices).toEqual([expect.stringContaining('9002-more'), expect.stringContaining('-before-9002.backup')])
  const name = 'gateway-2026-02-19T120000Z-before-9002.backup'
  expect(backups()).toEqual([name, `${name}.sha256`])
  const path = join(place.home, 'backups', name)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const hash = createHash('sha256').update(readFileSync(path)).digest('hex')
  expect(readFileSync(`${path}.sha256`, 'utf8')).toBe(`${hash}  ${name}\n`)
  const backup = new Database(path, { readonly: true })
  expect(backup.prepare('SELECT id FROM sessions').pluck().all()).toEqual(['s'])
  backup.close()
  expect(inFile(database => database.prepare('SELECT count(*) FROM sessions').pluck().get())).toBe(0)
})

test('a migration that fails changes nothing, and the database works on with the older program', async () => {
  await openWithSession()
  const before = readFileSync(place.file)
  add('9002-broken.sql', 'CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;\nDROP TABLE sessions;\nNO SQL;\n')
  const failure: unknown = await open().catch(error => error)
  expect(failure).toBeInstanceOf(SchemaError)
  expect(failure).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  const [backup = ''] = backups()
  const { message } = failure as SchemaError // Checked above.
  expect(message).toContain('changed nothing: the migration 9002-broken failed: near "NO": syntax error. ')
  expect(message).toContain(join(place.home, 'backups', backup))
  expect(message).toContain('Go on with the version of Talon that you had before')
  expect(readFileSync(place.file)).toEqual(before)
  rmSync(join(migrationsDir, '9002-broken.sql'))
  const store = await open()
  expect(await store.getSession('s')).toBeDefined()
  await store.close()
})

test('a start that fails again and again keeps one backup', async () => {
  await openWithSession()
  add('9002-broken.sql', 'NO SQL;\n')
  for (const minute of [0, 1, 2]) {
    await expect(open({ now: () => Date.UTC(2026, 1, 19, 12, minute) })).rejects.toThrow('T120000Z-before-9002.backup')
  }
  const name = 'gateway-2026-02-19T120000Z-before-9002.backup'
  expect(backups()).toEqual([name, `${name}.sha256`])
})

test('if the second of two migrations fails, the first is not there either', async () => {
  await openWithSession()
  const before = readFileSync(place.file)
  add('9002-well.sql', 'CREATE TABLE well (id INTEGER PRIMARY KEY) STRICT;')
  add('9003-broken.sql', 'CREATE TABLE broken (id INTEGER PRIMARY KEY) STRICT; NO SQL;')
  await expect(open()).rejects.toThrow('the migration 9003-broken failed')
  expect(readFileSync(place.file)).toEqual(before)
  add('9003-broken.sql', 'CREATE TABLE broken (id INTEGER PRIMARY KEY) STRICT;')
  await (await open()).close()
  expect(appliedNames()).toEqual([...shippedNames, '9002-well', '9003-broken'])
})

test('a migration that loses rows or a table is refused, unless it says so', async () => {
  await openWithSession()
  add('9002-loses.sql', 'DELETE FROM sessions;')
  await expect(open()).rejects.toThrow('it loses 1 of 1 rows of sessions, and has no line "-- drops: sessions"')
  add('9002-loses.sql', '-- drops: sessions\nDROP TABLE settings;')
  await expect(open()).rejects.toThrow('it drops the table settings')
  expect(appliedNames()).toEqual(shippedNames)
  add('9002-loses.sql', '-- drops: sessions, settings\nDELETE FROM sessions; DROP TABLE settings;')
  await (await open()).close()
  expect(inFile(database => database.prepare('SELECT count(*) FROM sessions').pluck().get())).toBe(0)
})

test('a migration that breaks a reference or ends its own transaction is refused whole', async () => {
  await openWithSession()
  inFile(database => database.prepare("INSERT INTO settings VALUES ('a', 'b', 1)").run())
  add(
    '9002-orphans.sql',
    "INSERT INTO messages (id, session_id, role, content, timestamp, epoch, seq) VALUES ('m', 'nobody', 'user', '', 1, 1, 1);",
  )
  await expect(open()).rejects.toThrow('refer to nothing')
  for (const end of ['COMMIT', 'rollback', 'END TRANSACTION']) {
    add('9002-orphans.sql', `-- drops: settings\nDELETE FROM settings; ${end};`)
    await expect(open()).rejects.toThrow('ends the transaction')
  }
  expect(inFile(database => database.prepare('SELECT count(*) FROM settings').pluck().get())).toBe(1)
  expect(appliedNames()).toEqual(shippedNames)
})

test('without room for a backup an upgrade does not begin, and says what to do', async () => {
  await openWithSession()
  add('9002-more.sql', 'CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;')
  writeFileSync(join(place.home, 'backups'), 'a file where the folder should be')
  await expect(open()).rejects.toThrow(
    /did not begin, because no backup could be made in .*backups: .*Nothing was changed/,
  )
  expect(appliedNames()).toEqual(shippedNames)
})

test('a migration may rebuild a table that others refer to', async () => {
  await openWithSession()
  const rebuild = inFile(database =>
    database.prepare("SELECT sql FROM sqlite_schema WHERE name = 'sessions'").pluck().get(),
  )
  add(
    '9002-rebuild.sql',
    `${String(rebuild).replace('CREATE TABLE sessions', 'CREATE TABLE sessions_new')};
     INSERT INTO sessions_new SELECT * FROM sessions; DROP TABLE sessions; ALTER TABLE sessions_new RENAME TO sessions;`,
  )
  const store = await open()
  expect(await store.getSession('s')).toBeDefined()
  await store.close()
})

test('an applied migration that was changed is refused, other line ends are no change', async () => {
  await openWithSession()
  const sql = readFileSync(join(migrationsDir, '0001-log.sql'), 'utf8')
  add('0001-log.sql', sql.replaceAll('\n', '\r\n'))
  await (await open()).close()
  add('0001-log.sql', `${sql}-- changed\n`)
  await expect(open()).rejects.toThrow('was changed after it was applied')
})

test('a newer database is refused with a sentence that says what to do', async () => {
  add('9002-future.sql', 'CREATE TABLE future (id INTEGER PRIMARY KEY) STRICT;')
  await openWithSession()
  await expect(open({ migrationsDir: shipped })).rejects.toThrow(/newer Talon.*9002-future.*restore the backup/)
  expect(() => openSqliteReadOnly({ file: place.file, migrationsDir: shipped })).toThrow('newer Talon')
})

test('a migration that comes before one that was applied is refused', async () => {
  add('9003-third.sql', 'CREATE TABLE third (id INTEGER PRIMARY KEY) STRICT;')
  await openWithSession()
  add('9002-second.sql', 'CREATE TABLE second (id INTEGER PRIMARY KEY) STRICT;')
  await expect(open()).rejects.toThrow('never applied')
})

test('a file that is no database is refused and left as it is', async () => {
  writeFileSync(place.file, 'not a database, but somebody needs it '.repeat(100))
  const before = readFileSync(place.file)
  await expect(open()).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    message: expect.stringContaining(place.file),
  })
  expect(readFileSync(place.file)).toEqual(before)
})

test('files are for their owner only, whatever the umask says', async () => {
  const home = join(place.home, 'deep', 'home')
  const file = join(home, 'gateway.db')
  const script = `
    import { statSync } from 'node:fs'
    import { openSqliteStore } from ${JSON.stringify(join(shipped, '../src/db/sqlite/engine.ts'))}
    process.umask(Number(process.argv[1]))
    const store = await openSqliteStore({ file: ${JSON.stringify(file)}, migrationsDir: ${JSON.stringify(shipped)} })
    await store.probe({ at: 1 })
    const mode = path => (statSync(path).mode & 0o777).toString(8)
    console.log(JSON.stringify([${JSON.stringify(home)}, ...['', '-wal', '-shm'].map(end => ${JSON.stringify(file)} + end)].map(mode)))
    await store.close()`
  for (const umask of ['0', '63']) {
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script, umask], { encoding: 'utf8' })
    expect(JSON.parse(output)).toEqual(['700', '600', '600', '600'])
  }
})

test('a database can be read beside the process that writes it', async () => {
  const store = await open()
  const reader = openSqliteReadOnly({ file: place.file, migrationsDir })
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  expect(await reader.getSession('s')).toBeDefined()
  reader.close()
  await expect(reader.getSession('s')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  await store.close()
})
