import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { checkPages, findFault } from '../../src/db/sqlite/check.ts'
import { openSqliteStore, type SqliteOptions } from '../../src/db/sqlite/engine.ts'
import { UnusableDatabaseError } from '../../src/db/unusable-error.ts'
import { migrationsDir, sendText, temporaryHome } from '../support/store.ts'

let place: ReturnType<typeof temporaryHome>
beforeEach(async () => {
  place = temporaryHome()
  await fill(200)
})
afterEach(() => place.remove())

const pageBytes = 4_096
const open = (more: Partial<SqliteOptions> = {}) =>
  openSqliteStore({ file: place.file, migrationsDir, now: () => Date.UTC(2026, 1, 19, 12), ...more })

async function fill(messages: number): Promise<void> {
  const store = await open()
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  const names = Array.from({ length: messages }, (_, index) => `${index}`)
  await Promise.all(names.map(name => sendText(store, 's', name, { text: 'some words '.repeat(50) })))
  await store.close()
}

/** Every file of the data folder with its content, but the index of the log, which readers write too. */
function everything(): Record<string, string> {
  const names = readdirSync(place.home, { recursive: true, encoding: 'utf8' }).filter(name => !name.endsWith('-shm'))
  const files = names.filter(name => statSync(join(place.home, name)).isFile())
  return Object.fromEntries(files.sort().map(name => [name, readFileSync(join(place.home, name)).toString('base64')]))
}

/** Writes over a whole page; pages count from 1. */
function garble(page: number): void {
  const descriptor = openSync(place.file, 'r+')
  writeSync(descriptor, Buffer.alloc(pageBytes, 'garbage'), 0, pageBytes, (page - 1) * pageBytes)
  closeSync(descriptor)
}

function rootPage(name: string): number {
  const database = new Database(place.file, { readonly: true })
  const page = database.prepare<[string], number>('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(name)
  database.close()
  for (const end of ['-wal', '-shm']) rmSync(`${place.file}${end}`, { force: true })
  return page ?? 0
}

const damages: [string, () => void, RegExp][] = [
  ['a garbage header', () => garble(1), /is no SQLite database/],
  ['something that was never a database', () => writeFileSync(place.file, 'shopping list'), /is no SQLite database/],
  ['no content at all', () => truncateSync(place.file), /is empty, though \d+ commits were stored in it/],
  ['half of its content', () => truncateSync(place.file, Math.floor(statSync(place.file).size / 2)), /is damaged/],
  ['a garbled page of a table', () => garble(rootPage('messages')), /is damaged/],
  ['a garbled page of an index', () => garble(rootPage('idx_messages_session')), /is damaged/],
  ['nothing but the number of its commits', () => removeAll(), /is missing, though \d+ commits were stored in it/],
  ['its log without it', logAlone, /is missing, though its log .*gateway\.db-wal is there/],
]

function removeAll(): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${place.file}${end}`, { force: true })
}

function logAlone(): void {
  appendFileSync(`${place.file}-wal`, Buffer.alloc(40_000, 1))
  rmSync(place.file)
}

describe.each(damages)('a database with %s', (_what, damage, reason) => {
  test('is refused with the reason and both ways to go on, and nothing of it is changed', async () => {
    damage()
    const before = everything()
    const refusal = await open().catch((thrown: unknown) => thrown)
    expect(refusal).toBeInstanceOf(UnusableDatabaseError)
    expect(refusal).toMatchObject({ code: 'STORAGE_UNAVAILABLE', message: expect.stringMatching(reason) })
    expect(refusal).toMatchObject({
      message: expect.stringMatching(
        /Nothing was changed\. There is no backup in .*\/backups\. .*talon start --set-aside/,
      ),
    })
    expect(everything()).toEqual(before)
  })

  test('is moved aside whole if somebody says so, and an empty one takes its place', async () => {
    damage()
    const before = everything()
    const notices: string[] = []
    const store = await open({ setAside: true, onNotice: ({ message }) => notices.push(message) })
    const aside = `${place.file}.damaged-2026-02-19T120000Z`
    const moved = `The damaged database was moved to ${aside}; this one began empty.`
    expect(notices).toEqual(Object.keys(before).some(name => name.startsWith('gateway.db')) ? [moved] : [])
    expect(store.health()).toEqual({ problems: [], notices })
    expect((await store.counts()).totalMessages).toBe(0)
    await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
    await sendText(store, 's', 'new')
    await store.close()
    for (const end of ['', '-wal']) {
      const content = before[`gateway.db${end}`]
      if (content !== undefined) expect(readFileSync(`${aside}${end}`).toString('base64')).toBe(content)
    }
    const again = await open()
    expect(again.health()).toEqual({ problems: [], notices: [] })
    await again.close()
  })
})

test('the newest backup is named with the command that restores it', async () => {
  const backups = join(place.home, 'backups')
  mkdirSync(backups)
  for (const name of ['old.backup', 'new.backup', 'new.backup.sha256']) writeFileSync(join(backups, name), '')
  spawnSync('touch', ['-d', '2026-01-01T00:00:00Z', join(backups, 'old.backup')])
  spawnSync('touch', ['-d', '2026-02-01T00:00:00Z', join(backups, 'new.backup')])
  garble(1)
  await expect(open()).rejects.toThrow(
    `The newest backup is of 2026-02-01T00:00:00.000Z. To go on with it: talon restore ${join(backups, 'new.backup')}.`,
  )
})

test('a database that is well is not moved aside, whatever was said', async () => {
  const store = await open({ setAside: true })
  expect((await store.counts()).totalMessages).toBe(200)
  await store.close()
  expect(readdirSync(place.home).filter(name => name.includes('damaged'))).toEqual([])
})

test('a large database is checked in a thread of its own', async () => {
  await fillRaw(12 * 1024 * 1024)
  expect(await findFault(place.file)).toBeUndefined()
  garble(rootPage('idx_messages_timestamp'))
  const fault = await findFault(place.file)
  expect(fault).toMatchObject({ kind: 'damaged', reason: expect.stringContaining('is damaged') })
  expect(fault).toEqual(checkPages(place.file))
})

/** Fills the table of settings, which nothing reads as a whole. */
async function fillRaw(bytes: number): Promise<void> {
  const database = new Database(place.file)
  const insert = database.prepare('INSERT INTO settings (key, value, updated_at) VALUES (?, ?, 1)')
  const text = 'x'.repeat(100_000)
  database.transaction(() => {
    for (let index = 0; index * text.length < bytes; index++) insert.run(`filler-${index}`, text)
  })()
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
}

test('an empty file that never held anything is filled', async () => {
  rmSync(place.file)
  rmSync(join(place.home, 'gateway.commit'))
  writeFileSync(place.file, '')
  const store = await open()
  expect(store.health().notices).toEqual([])
  await store.close()
})

test('a look at a database leaves nothing beside it', async () => {
  for (const end of ['-wal', '-shm']) rmSync(`${place.file}${end}`, { force: true })
  const before = everything()
  expect(await findFault(place.file)).toBeUndefined()
  expect(everything()).toEqual(before)
  expect(existsSync(`${place.file}-shm`)).toBe(false)
})

describe('a database that may not be written', () => {
  test('is refused if it is a folder, and is never moved aside', async () => {
    rmSync(place.file)
    mkdirSync(place.file)
    const refusal = 'is no file. Nothing was changed. Give this account the right to write it'
    await expect(open({ setAside: true })).rejects.toThrow(refusal)
    expect(statSync(place.file).isDirectory()).toBe(true)
  })

  test('is refused if it is read-only', async ctx => {
    // Root may write whatever its mode says, but not what is immutable.
    const made = spawnSync('chattr', ['+i', place.file], { encoding: 'utf8' })
    if (made.status !== 0) ctx.skip(`a file cannot be made immutable here: ${made.stderr ?? made.error?.message}`)
    onTestFinished(() => void spawnSync('chattr', ['-i', place.file]))
    const before = everything()
    try {
      await expect(open()).rejects.toBeInstanceOf(UnusableDatabaseError)
      await expect(open()).rejects.toThrow(/cannot be written: EPERM.*Give this account the right/)
      expect(everything()).toEqual(before)
    } finally {
      spawnSync('chattr', ['-i', place.file])
    }
  })
})
