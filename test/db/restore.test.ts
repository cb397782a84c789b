import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { backUp } from '../../src/db/sqlite/backup.ts'
import { openSqliteStore } from '../../src/db/sqlite/engine.ts'
import { acquireLock } from '../../src/db/sqlite/lock.ts'
import { unfinishedRestore } from '../../src/db/sqlite/replace-database.ts'
import { restore, verifyBackup } from '../../src/db/sqlite/restore.ts'
import { migrationsDir, sendText, temporaryHome } from '../support/store.ts'

const now = Date.UTC(2026, 1, 19, 12)
const child = fileURLToPath(new URL('./children/restore-until-step.ts', import.meta.url))
const oldMessages = 40
const newMessages = 25

let backup: string
/** A home whose gateway was killed: what it acknowledged is in the log only. */
let killedHome: string

beforeAll(async () => {
  const source = temporaryHome()
  const killed = temporaryHome()
  backup = join(source.home, 'kept.backup')
  killedHome = killed.home
  await fillStore(source.file, 'new', newMessages, () => backUp({ name: source.file }, backup))
  const living = temporaryHome()
  await fillStore(living.file, 'old', oldMessages, async () => {
    for (const end of ['', '-wal']) copyFileSync(`${living.file}${end}`, join(killed.home, `gateway.db${end}`))
  })
  living.remove()
  return () => {
    source.remove()
    killed.remove()
  }
})

async function fillStore(file: string, name: string, messages: number, whileOpen: () => Promise<unknown>) {
  const store = await openSqliteStore({ file, migrationsDir })
  await store.createSession({ id: name, senderId: 'a', channel: 'c', at: 1 })
  for (let count = 0; count < messages; count++) await sendText(store, name, `${name}-${count}`, { at: 1_000 + count })
  await whileOpen()
  await store.close()
}

function newHome(): string {
  const { home, remove } = temporaryHome()
  onTestFinished(remove)
  return home
}

function homeOfKilled(): string {
  const home = newHome()
  cpSync(killedHome, home, { recursive: true })
  return home
}

/** Takes the lock as every start does, which finishes what a crash has left. */
function takeLock(home: string) {
  const lock = acquireLock(home, { pid: process.pid, bootId: 'b', version: '0', host: '', port: 0, startedAt: 1 })
  lock.release()
  return lock
}

/** Which of the two databases a file is; throws unless all of it is there. */
function whole(file: string): 'old' | 'new' {
  const database = new Database(file, { fileMustExist: true })
  try {
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    const [name] = database.prepare<[], string>('SELECT id FROM sessions').pluck().all()
    const expected = name === 'old' ? oldMessages : newMessages
    expect(database.prepare('SELECT count(*) FROM messages WHERE session_id = ?').pluck().get(name)).toBe(expected)
    expect(database.prepare('SELECT count(*) FROM messages').pluck().get()).toBe(expected)
    return name === 'old' ? 'old' : 'new'
  } finally {
    database.close()
  }
}

function replacedIn(home: string): string[] {
  return readdirSync(home).filter(name => /^gateway\.db\.replaced-[\w-]+Z(-\d+)?$/.test(name))
}

test('it takes the place of the database, which is kept beside it with all that was in its log', async () => {
  const home = homeOfKilled()
  const restored = await restore({ home, file: backup, migrationsDir, checksum: true, now })
  const replaced = join(home, 'gateway.db.replaced-2026-02-19T120000Z')
  expect(restored).toMatchObject({ replaced, sessions: 1, messages: newMessages, newestActivityAt: 1_024, pending: [] })
  const name = 'gateway.db.replaced-2026-02-19T120000Z'
  expect(readdirSync(home).sort()).toEqual(['gateway.db', name, `${name}-wal`])
  for (const end of ['', '-wal']) {
    expect(readFileSync(join(home, `${name}${end}`))).toEqual(readFileSync(join(killedHome, `gateway.db${end}`)))
  }
  expect(whole(join(home, 'gateway.db'))).toBe('new')
  const store = await openSqliteStore({ file: join(home, 'gateway.db'), migrationsDir })
  expect(await store.counts()).toMatchObject({ sessions: 1, totalMessages: newMessages })
  expect(store.health().problems).toEqual([])
  await store.close()
  // What was replaced can be taken back, though it has no checksum.
  const again = { home, file: replaced, migrationsDir, now }
  await expect(restore({ ...again, checksum: true })).rejects.toThrow('is not whole')
  expect(await restore({ ...again, checksum: false })).toMatchObject({ replaced: `${replaced}-2` })
  expect(whole(join(home, 'gateway.db'))).toBe('old')
  expect(whole(`${replaced}-2`)).toBe('new')
})

test('it needs no database to be there, and forgets how many commits the old one had', async () => {
  const home = newHome()
  writeFileSync(join(home, 'gateway.commit'), '0000000000000099\n')
  expect(await restore({ home, file: backup, migrationsDir, checksum: true, now })).toMatchObject({
    replaced: undefined,
    from: backup,
  })
  expect(readdirSync(home)).toEqual(['gateway.db'])
  expect(whole(join(home, 'gateway.db'))).toBe('new')
})

test('a database that is damaged, with a log that is, is kept byte for byte', async () => {
  const home = newHome()
  const parts = { '': Buffer.alloc(9_000, 'not a database '), '-wal': Buffer.alloc(5_000, 7) }
  for (const [end, bytes] of Object.entries(parts)) writeFileSync(join(home, `gateway.db${end}`), bytes)
  const { replaced } = await restore({ home, file: backup, migrationsDir, checksum: true, now })
  for (const [end, bytes] of Object.entries(parts)) expect(readFileSync(`${replaced}${end}`)).toEqual(bytes)
  expect(whole(join(home, 'gateway.db'))).toBe('new')
})

test.each<[string, (file: string) => void, string | RegExp]>([
  ['no checksum', file => rmSync(`${file}.sha256`), '.sha256 is missing'],
  ['a checksum that is none', file => writeFileSync(`${file}.sha256`, 'no'), 'holds no SHA-256'],
  ['one changed byte', file => flip(file, 30_000), 'not what it was'],
  ['its end cut off', file => writeFileSync(file, readFileSync(file).subarray(0, 50_000)), 'not what it was'],
  ['another header', file => writeFileSync(file, 'PK\u0003\u0004'), 'does not begin as a database'],
  ['nothing in it', file => writeFileSync(file, ''), 'does not begin as a database'],
  ['a log beside it', file => writeFileSync(`${file}-wal`, 'log'), 'is not whole'],
  ['no file', file => rmSync(file), 'There is no'],
])('a backup with %s is refused, and nothing is changed', async (_what, spoil, says) => {
  const home = homeOfKilled()
  const file = copyOfBackup()
  spoil(file)
  const before = readdirSync(home)
  await expect(restore({ home, file, migrationsDir, checksum: true, now })).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    message: expect.stringContaining(String(says)),
  })
  await expect(verifyBackup({ file, migrationsDir, checksum: true })).rejects.toThrow(says)
  expect(readdirSync(home)).toEqual(before)
  expect(whole(join(home, 'gateway.db'))).toBe('old')
})

test.each<[string, (database: Database.Database) => void, string]>([
  ['a newer Talon', db => db.exec("INSERT INTO migrations VALUES ('9999-future', 'x', 1)"), 'newer Talon'],
  ['something else', db => db.exec('DROP TABLE migrations'), 'none of Talon'],
  [
    'rows that refer to nothing',
    db => db.exec("PRAGMA foreign_keys = OFF; UPDATE messages SET session_id = 'nobody' WHERE seq = 3"),
    'refer to nothing',
  ],
])('a backup of %s is refused, with or without a checksum', async (_what, change, says) => {
  const home = homeOfKilled()
  const file = copyOfBackup()
  const database = new Database(file)
  change(database)
  database.close()
  rmSync(`${file}.sha256`)
  await expect(restore({ home, file, migrationsDir, checksum: false, now })).rejects.toThrow(says)
  expect(readdirSync(home).sort()).toEqual(['gateway.db', 'gateway.db-wal'])
})

test('damage that the checksum cannot tell is found in the pages', async () => {
  const file = copyOfBackup()
  const bytes = readFileSync(file)
  bytes.fill(0xff, 8_192, 65_536)
  writeFileSync(file, bytes)
  rmSync(`${file}.sha256`)
  await expect(verifyBackup({ file, migrationsDir, checksum: false })).rejects.toThrow('is damaged')
})

test('a backup of an older schema is restored, and brought up to date by the next start', async () => {
  const home = newHome()
  const olderDir = join(home, 'older')
  mkdirSync(olderDir)
  cpSync(join(migrationsDir, '0001-log.sql'), join(olderDir, '0001-log.sql'))
  const older = temporaryHome()
  onTestFinished(older.remove)
  const database = new Database(older.file)
  database.exec(readFileSync(join(olderDir, '0001-log.sql'), 'utf8'))
  database.close()
  rmSync(older.file)
  const schema = await import('../../src/db/sqlite/migrate.ts')
  const { openWriter, prepareFile } = await import('../../src/db/sqlite/open.ts')
  prepareFile(older.file)
  const connection = openWriter(older.file)
  await schema.migrate(connection, { migrationsDir: olderDir, backupsDir: undefined, now })
  const file = join(older.home, 'older.backup')
  await backUp({ name: older.file }, file)
  connection.close()
  const restored = await restore({ home, file, migrationsDir, checksum: true, now })
  expect(restored).toMatchObject({ schema: '0001-log', sessions: 0, newestActivityAt: null })
  expect(restored.pending.length).toBeGreaterThan(0)
  const store = await openSqliteStore({ file: join(home, 'gateway.db'), home, migrationsDir })
  expect(await store.counts()).toMatchObject({ sessions: 0 })
  await store.close()
})

test('killed before any step, it leaves the one or the other database whole, and the next start makes all well', async () => {
  const outcomes: string[] = []
  for (let step = 0; ; step++) {
    const home = homeOfKilled()
    const ended = await killed(home, step)
    // Nothing of the old database may ever lie beside the new one where it would be read as a part of it.
    const journal = unfinishedRestore(home)
    if (journal === undefined)
      expect(replacedIn(home).length === 0 || !existsSync(join(home, 'gateway.db-wal'))).toBe(true)
    const { restored } = takeLock(home)
    expect(restored?.from).toBe(journal)
    const now = whole(join(home, 'gateway.db'))
    const kept = replacedIn(home)
    if (now === 'new') expect(kept.map(name => whole(join(home, name)))).toEqual(['old'])
    else expect(kept).toEqual([])
    if (journal !== undefined) expect(now).toBe('new')
    const names = readdirSync(home).filter(name => name !== 'run' && !/^gateway\.db(-wal|-shm)?$/.test(name))
    expect(names.sort()).toEqual(kept.flatMap(name => readdirSync(home).filter(each => each.startsWith(name))).sort())
    outcomes.push(`${now}${restored ? ', finished' : ''}`)
    rmSync(home, { recursive: true })
    if (ended === 0) break
  }
  expect(new Set(outcomes)).toEqual(new Set(['old', 'new, finished', 'new']))
  // Once it is the new one, it stays the new one.
  expect(outcomes.lastIndexOf('old')).toBeLessThan(outcomes.indexOf('new, finished'))
}, 120_000)

test('killed at random moments again and again, it always leaves a whole database', async () => {
  const home = homeOfKilled()
  for (let round = 0; round < 8; round++) {
    const process = start(home, Number.MAX_SAFE_INTEGER)
    const exited = once(process, 'exit')
    await once(process.stdout, 'data')
    setTimeout(() => process.kill('SIGKILL'), round * 15)
    await exited
    takeLock(home)
    whole(join(home, 'gateway.db'))
    for (const name of replacedIn(home)) whole(join(home, name))
  }
}, 60_000)

test('a journal that nobody understands stops whoever takes the lock, with a sentence that says what to do', () => {
  const home = homeOfKilled()
  for (const text of ['', 'no', '{}', '{"from": "x", "replaced": "../../x"}']) {
    writeFileSync(join(home, 'gateway.restore'), text)
    expect(() => takeLock(home)).toThrow(/gateway\.restore cannot be understood/)
  }
  renameSync(join(home, 'gateway.restore'), join(home, 'other'))
  expect(takeLock(home).restored).toBeUndefined()
})

function copyOfBackup(): string {
  const file = join(newHome(), 'copy.backup')
  for (const end of ['', '.sha256']) copyFileSync(`${backup}${end}`, `${file}${end}`)
  return file
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(file, bytes)
}

function start(home: string, lastStep: number) {
  return spawn(process.execPath, [child, home, backup, migrationsDir, String(lastStep)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Exit code of a restore that was to be killed before this step; null if it was. */
async function killed(home: string, lastStep: number): Promise<number | null> {
  const [code] = await once(start(home, lastStep), 'exit')
  return code
}
