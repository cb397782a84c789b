import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { verifyBackup } from '../../src/db/sqlite/restore.ts'
import { type BackupsDeps, createBackups } from '../../src/server/backups.ts'
import { openLog } from '../../src/server/log.ts'
import { migrationsDir, sendText, temporaryStore } from '../support/store.ts'

const hourMs = 60 * 60_000
const firstDay = Date.UTC(2026, 1, 19, 12)

/** Backups of a real store, with a clock that the test sets. */
async function backupsOf(options: Partial<BackupsDeps> & { empty?: true } = {}) {
  const { store, home, dispose } = await temporaryStore()
  onTestFinished(dispose)
  if (!options.empty) await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  const time = { now: firstDay }
  const logs: string[] = []
  const deps: BackupsDeps = {
    home,
    migrationsDir: join(import.meta.dirname, '..', '..', 'migrations'),
    clock: { now: () => time.now, monotonic: () => performance.now() },
    log: openLog({ level: 'info', write: line => logs.push(line) }),
    everyHours: 24,
    keep: 2,
    spareBytes: 0,
    holdsData: async () => (await store.counts()).sessions > 0,
    ...options,
  }
  const folder = join(home, 'backups')
  return { store, home, folder, time, logs, deps, backups: createBackups(deps) }
}

test('an automatic backup is made when the newest is older than the interval, and the oldest beyond those to keep go', async () => {
  const { backups, time, folder, logs } = await backupsOf()
  const manual = await backups.create()
  writeFileSync(join(folder, 'gateway-2020-01-01T000000Z-before-0002.backup'), '')
  const made: string[] = []
  for (const hours of [0, 1, 23, 24, 25, 47, 48, 72, 100]) {
    time.now = firstDay + hours * hourMs
    await backups.makeDue()
    made.push(backups.list().find(({ kind }) => kind === 'auto')?.name ?? 'none')
  }
  const [first, second, third, fourth, fifth] = ['19T1', '20T1', '21T1', '22T1', '23T16'].map(
    day => `gateway-2026-02-${day.length === 4 ? `${day}20000` : `${day}0000`}Z-auto.backup`,
  )
  expect(made).toEqual([first, first, first, second, second, second, third, fourth, fifth])
  expect(backups.list().map(({ name }) => name)).toEqual([
    fifth,
    fourth,
    manual.name,
    'gateway-2020-01-01T000000Z-before-0002.backup',
  ])
  expect(readdirSync(folder)).toHaveLength(7)
  expect(logs.filter(line => line.includes('an old automatic backup was removed'))).toHaveLength(3)
  expect(backups.last()).toMatchObject({ ok: true, kind: 'auto', name: fifth, at: time.now, error: null })
})

test('none is made of an empty database, and none at all where they are off', async () => {
  const { backups } = await backupsOf({ empty: true })
  await backups.makeDue()
  expect(backups.list()).toEqual([])
  expect(backups.last()).toBeUndefined()
  const off = await backupsOf({ everyHours: null })
  await off.backups.makeDue()
  expect(off.backups.list()).toEqual([])
})

test('one from the future keeps no new one from being made, nor is the new one the first to go', async () => {
  const { backups, folder } = await backupsOf({ keep: 1 })
  mkdirSync(folder)
  writeFileSync(join(folder, 'gateway-2099-01-01T000000Z-auto.backup'), '')
  await backups.makeDue()
  expect(backups.list().map(({ name }) => name)).toEqual(['gateway-2026-02-19T120000Z-auto.backup'])
})

test('a failure is logged, kept as the last one, and tried again; old ones stay', async () => {
  const { deps, backups, time, logs } = await backupsOf()
  await backups.makeDue()
  const full = createBackups({ ...deps, spareBytes: Number.MAX_SAFE_INTEGER })
  expect(full.last()).toMatchObject({ ok: true, at: firstDay, durationMs: null })
  time.now += 30 * hourMs
  await full.makeDue()
  expect(full.last()).toMatchObject({
    ok: false,
    at: time.now,
    name: null,
    bytes: null,
    error: expect.stringContaining('no room'),
  })
  expect(logs.at(-1)).toContain('a backup could not be made')
  await expect(full.create()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  expect(full.list()).toHaveLength(1)
  await backups.makeDue()
  expect(backups.list()).toHaveLength(2)
})

test('all who ask at once share one backup, and who asks meanwhile the next, which holds what they had stored', async () => {
  const { backups, store, folder } = await backupsOf()
  const together = await Promise.all([backups.create(), backups.create(), backups.create()])
  expect(new Set(together.map(({ name }) => name)).size).toBe(1)
  const first = backups.create()
  // By then it has begun.
  await new Promise(resolve => setImmediate(resolve))
  await sendText(store, 's', 'late')
  const next = await Promise.all([backups.create(), backups.create()])
  expect(next[0]).toEqual(next[1])
  expect((await first).name).not.toBe(next[0].name)
  const file = join(folder, next[0].name)
  expect(await verifyBackup({ file, migrationsDir, checksum: true })).toMatchObject({ messages: 1 })
})

test('stopping ends the one that is made, and no other begins', async () => {
  const { backups, folder } = await backupsOf()
  const made = backups.create()
  const refused = expect(made).rejects.toMatchObject({ code: 'DRAINING' })
  await backups.stop()
  await refused
  await expect(backups.create()).rejects.toMatchObject({ code: 'DRAINING' })
  await backups.makeDue()
  expect(backups.list()).toEqual([])
  // The folder may not have been made at all.
  expect(readdirSync(join(folder, '..')).includes('backups') ? readdirSync(folder) : []).toEqual([])
})

test('what a killed process left in the folder is removed at the next start, and nothing else', async () => {
  const { deps, folder, logs } = await backupsOf()
  mkdirSync(folder)
  const stem = 'gateway-2026-02-19T120000Z-auto.backup'
  const left = [`${stem}.partial`, `${stem}.partial-journal`, `${stem}.sha256.partial`, `${stem}.sha256`]
  const kept = ['notes.txt', 'my.backup', 'my.backup.partial', 'gateway-2026-02-18T120000Z-auto.backup']
  for (const name of [...left, ...kept]) writeFileSync(join(folder, name), '')
  createBackups(deps)
  expect(readdirSync(folder).sort()).toEqual(kept.sort())
  expect(logs).toHaveLength(1)
})
