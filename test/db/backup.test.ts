import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { backUp } from '../../src/db/sqlite/backup.ts'
import { findBackup, listBackups, newBackupName, removeUnfinished } from '../../src/db/sqlite/backup-files.ts'
import { verifyBackup } from '../../src/db/sqlite/restore.ts'
import type { Store } from '../../src/db/store.ts'
import { migrationsDir, sendText, temporaryHome, temporaryStore } from '../support/store.ts'

/** Writes without a pause on several lanes until it is stopped; `acknowledged` grows as it goes. */
function writeOn(store: Store) {
  const acknowledged: string[] = []
  let stopped = false
  const lane = async (number: number) => {
    for (let count = 0; !stopped; count++) {
      const name = `lane-${number}-${count}`
      await sendText(store, 's', name, { text: 'x'.repeat(500) })
      acknowledged.push(`message-${name}`)
    }
  }
  const lanes = Array.from({ length: 8 }, (_, number) => lane(number))
  return {
    acknowledged,
    async stop() {
      stopped = true
      await Promise.all(lanes)
    },
  }
}

async function storeWithMessages(count: number) {
  const { store, home, file, dispose } = await temporaryStore()
  onTestFinished(dispose)
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  const names = Array.from({ length: count }, (_, index) => `before-${index}`)
  await Promise.all(names.map(name => sendText(store, 's', name, { text: 'y'.repeat(1_000) })))
  return { store, home, file, names: names.map(name => `message-${name}`) }
}

function inBackup<T>(file: string, read: (database: Database.Database) => T): T {
  const database = new Database(file, { readonly: true })
  try {
    return read(database)
  } finally {
    database.close()
  }
}

test('a backup under constant writes ends, holds all that was acknowledged before it, and agrees with itself', async () => {
  const { store, home, file, names } = await storeWithMessages(5_000)
  const load = writeOn(store)
  await expect.poll(() => load.acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(100)
  const before = [...load.acknowledged]
  const target = join(home, 'backups', 'gateway.backup')
  const { bytes, sha256 } = await backUp({ name: file }, target)
  const during = load.acknowledged.length - before.length
  await load.stop()
  expect(during).toBeGreaterThan(0)

  const verified = await verifyBackup({ file: target, migrationsDir, checksum: true })
  expect(verified).toMatchObject({ bytes, sha256, sessions: 1, pending: [] })
  inBackup(target, database => {
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    const ids = new Set(database.prepare('SELECT id FROM messages').pluck().all())
    expect([...names, ...before].filter(id => !ids.has(id))).toEqual([])
    expect(ids.size).toBe(verified.messages)
    const { seq } = database.prepare<[], { seq: number }>('SELECT seq FROM sessions').get() ?? {}
    expect(seq).toBe(ids.size)
    expect(database.prepare('SELECT count(*) FROM runs').pluck().get()).toBe(ids.size)
    // What refers to rows by their number must find the same ones.
    const rows = 'SELECT rowid, id FROM messages WHERE rowid <= 5000 ORDER BY rowid'
    expect(database.prepare(rows).all()).toEqual(inBackup(file, original => original.prepare(rows).all()))
  })
}, 60_000)

test('it is one file of the owner with a checksum as sha256sum reads it, and nothing else is left', async () => {
  const { home, file } = await storeWithMessages(10)
  const folder = join(home, 'backups')
  const target = join(folder, 'mine.backup')
  await backUp({ name: file }, target)
  expect(readdirSync(folder).sort()).toEqual(['mine.backup', 'mine.backup.sha256'])
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
  expect(execFileSync('sha256sum', ['-c', 'mine.backup.sha256'], { cwd: folder, encoding: 'utf8' })).toBe(
    'mine.backup: OK\n',
  )
  expect(inBackup(target, database => database.pragma('journal_mode', { simple: true }))).toBe('delete')
  expect(readdirSync(folder)).toHaveLength(2)
})

test('without room it does not begin, says how much is needed, and leaves nothing', async () => {
  const { home, file } = await storeWithMessages(1)
  mkdirSync(join(home, 'backups'))
  const made = backUp({ name: file }, join(home, 'backups', 'a.backup'), { spareBytes: Number.MAX_SAFE_INTEGER })
  await expect(made).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    message: expect.stringMatching(/no room in .*backups: \d+ MB are needed/),
    extras: { cause: { code: 'ENOSPC' } },
  })
  expect(readdirSync(join(home, 'backups'))).toEqual([])
})

test('one that is cancelled leaves nothing', async () => {
  const { home, file } = await storeWithMessages(2_000)
  const stop = new AbortController()
  const made = backUp({ name: file }, join(home, 'a.backup'), { signal: stop.signal })
  stop.abort()
  await expect(made).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(readdirSync(home).filter(name => name.startsWith('a.'))).toEqual([])
  await expect(backUp({ name: file }, join(home, 'a.backup'), { signal: stop.signal })).rejects.toThrow('cancelled')
})

test('a damaged database gives no backup', async () => {
  const { home, file, remove } = temporaryHome()
  onTestFinished(remove)
  const database = new Database(file)
  database.exec('CREATE TABLE t (x); CREATE INDEX i ON t (x)')
  database.exec(`INSERT INTO t VALUES ${Array.from({ length: 5_000 }, (_, index) => `(${index})`)}`)
  database.close()
  const bytes = readFileSync(file)
  bytes.fill(0xff, 20_000, 40_000)
  writeFileSync(file, bytes)
  await expect(backUp({ name: file }, join(home, 'a.backup'))).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    message: expect.stringContaining('damaged'),
  })
  expect(readdirSync(home).filter(name => name.startsWith('a.'))).toEqual([])
})

test('after kill -9 in the middle every backup that has its name is whole, and what is left can be told and removed', async () => {
  const { home, file } = await storeWithMessages(3_000)
  const folder = join(home, 'backups')
  mkdirSync(folder)
  const script = fileURLToPath(new URL('./children/back-up-until-killed.ts', import.meta.url))
  for (const delayMs of [5, 20, 45, 80, 130]) {
    const child = spawn(process.execPath, [script, file, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    for await (const line of createInterface({ input: child.stdout })) {
      // At some moment of the first or the second backup; any is right.
      if (line === 'begun') setTimeout(() => child.kill('SIGKILL'), delayMs)
    }
    await exited
    for (const { name, sha256 } of listBackups(folder)) {
      expect(sha256).not.toBeNull()
      await verifyBackup({ file: join(folder, name), migrationsDir, checksum: true })
    }
    removeUnfinished(folder)
    const names = listBackups(folder).flatMap(({ name }) => [name, `${name}.sha256`])
    expect(readdirSync(folder).sort()).toEqual(names.sort())
  }
}, 60_000)

test('only a file with the name of a backup is one', () => {
  const { home, remove } = temporaryHome()
  onTestFinished(remove)
  const good = 'gateway-2026-02-19T120000Z-manual.backup'
  const names = [good, 'gateway-2026-02-19T120000Z-manual-2.backup', 'gateway-2026-02-20T000000Z-before-0002.backup']
  for (const name of [...names, 'gateway-2026-02-19T120000Z-auto.backup.partial', 'other.backup', `x${good}`]) {
    writeFileSync(join(home, name), '')
  }
  mkdirSync(join(home, 'gateway-2026-02-19T120001Z-auto.backup'))
  symlinkSync(join(home, good), join(home, 'gateway-2026-02-19T120002Z-auto.backup'))
  expect(listBackups(home).map(({ name, kind }) => [name, kind])).toEqual([
    ['gateway-2026-02-20T000000Z-before-0002.backup', 'upgrade'],
    ['gateway-2026-02-19T120000Z-manual.backup', 'manual'],
    ['gateway-2026-02-19T120000Z-manual-2.backup', 'manual'],
  ])
  expect(findBackup(home, good)).toMatchObject({ createdAt: Date.UTC(2026, 1, 19, 12), sha256: null })
  expect(findBackup(home, `../${home.split('/').at(-1)}/${good}`)).toBeUndefined()
  expect(newBackupName(home, 'manual', Date.UTC(2026, 1, 19, 12))).toBe('gateway-2026-02-19T120000Z-manual-3.backup')
  expect(removeUnfinished(home)).toEqual(['gateway-2026-02-19T120000Z-auto.backup.partial'])
  expect(listBackups(join(home, 'nowhere'))).toEqual([])
})
