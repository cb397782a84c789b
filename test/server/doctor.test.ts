import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readMigrations } from '../../src/db/sqlite/migrate.ts'
import type { Report } from '../../src/server/doctor.ts'
import { testGateway } from '../support/gateway.ts'
import { migrationsDir, temporaryHome } from '../support/store.ts'
import {
  addBackup as addBackupTo,
  examineHome,
  fillHome,
  found,
  inDatabase as inDatabaseOf,
  type More,
  now,
  troubles,
} from './examined.ts'

let place: ReturnType<typeof temporaryHome>

beforeEach(() => {
  place = temporaryHome()
})
afterEach(() => place.remove())

const examined = (more: More = {}) => examineHome(place.home, more)
const filledHome = (messages?: number) => fillHome(place, messages)
const inDatabase = (change: (database: Database.Database) => void) => inDatabaseOf(place, change)
const addBackup = (at: string, more?: { checksum?: boolean }) => addBackupTo(place, at, more)

describe('a sound data folder', () => {
  test('has no trouble', async () => {
    await filledHome()
    addBackup('2026-02-19T000000Z')
    const report = await examined()
    expect(troubles(report)).toEqual([])
    expect(report).toMatchObject({ home: place.home, examinedAt: now, running: false, ok: true })
    expect(found(report, 'database.opens')?.title).toContain('1 session, 300 messages')
    expect(found(report, 'backups.newest')?.title).toContain('The newest of 1 is 12 hours old')
  })

  test('that is not there yet is no trouble', async () => {
    place.remove()
    const report = await examined()
    expect(troubles(report)).toEqual([])
    expect(existsSync(place.home)).toBe(false)
  })

  test('of a running gateway tells who has it, and that its port answers', async () => {
    await using gateway = await testGateway({ home: place.home })
    const { body } = await asAdmin(gateway, '')
    expect(body).toMatchObject({ running: true, ok: true })
    expect(found(body, 'lock.holder')?.title).toBe(
      `Process ${process.pid} serves it on 127.0.0.1, port ${gateway.port}.`,
    )
    expect(found(body, 'network.port')?.title).toBe(`The gateway answers on port ${gateway.port}.`)
    expect(found(body, 'database.pages')?.severity).toBe('ok')
    const [first, second] = await Promise.all([asAdmin(gateway, '?full'), asAdmin(gateway, '?full')])
    expect(first).toEqual(second)
    const session = await gateway.fetch('/api/v1/sessions', { method: 'POST', body: '{}' })
    expect(session.status).toBe(201)
  })

  test('is shown to admins only', async () => {
    await using gateway = await testGateway({ home: place.home })
    const token = await gateway.token('read', 'chat')
    expect((await gateway.fetch('/api/v1/doctor', { token })).status).toBe(403)
    expect((await gateway.fetch('/api/v1/doctor', { token: '' })).status).toBe(401)
  })
})

async function asAdmin(gateway: Awaited<ReturnType<typeof testGateway>>, query: string) {
  const response = await gateway.fetch(`/api/v1/doctor${query}`)
  expect(response.status).toBe(200)
  return { body: (await response.json()) as Report } // What the route answers with.
}

describe('a database', () => {
  test('with a garbage header is named, with the newest backup to go on from', async () => {
    await filledHome()
    const backup = addBackup('2026-02-18T120000Z')
    const bytes = readFileSync(place.file)
    writeFileSync(place.file, bytes.fill('garbage!', 0, 96))
    const report = await examined()
    expect(report.ok).toBe(false)
    expect(found(report, 'database.opens')).toMatchObject({
      severity: 'error',
      detail: 'It is no SQLite database: its first bytes are something else.',
      fix: expect.stringContaining(`talon restore ${backup}`),
    })
  })

  test('that was cut off is named, with how much of it is there', async () => {
    await filledHome()
    const { size } = statSync(place.file)
    truncateSync(place.file, size - 8192)
    const { detail } = found(await examined(), 'database.opens') ?? {}
    expect(detail).toBe(`It is cut off: ${size - 8192} of ${size} bytes are there.`)
  })

  test('with flipped bytes in a page is found by the check of its pages', async () => {
    await filledHome()
    inDatabase(database => {
      const page = database
        .prepare("SELECT pageno FROM dbstat WHERE name = 'messages' AND pagetype = 'leaf' LIMIT 1")
        .pluck()
        .get()
      database.close()
      const bytes = readFileSync(place.file)
      const at = (Number(page) - 1) * 4096
      writeFileSync(place.file, bytes.fill(0xff, at, at + 64))
    })
    const report = await examined()
    expect(report.ok).toBe(false)
    expect(found(report, 'database.pages')).toMatchObject({ severity: 'error', title: 'It is damaged (quick_check).' })
  })

  test('whose process was killed is read with its log, where that lies', async () => {
    await filledHome(10)
    const script = fileURLToPath(new URL('../db/children/write-until-killed.ts', import.meta.url))
    const child = spawn(process.execPath, [script, place.file, '1'], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(statSync(`${place.file}-wal`).size).toBeGreaterThan(0)
    const report = await examined()
    expect(found(report, 'database.opens')?.title).toContain('9 sessions')
    expect(found(report, 'database.log')?.title).toContain('the last process was killed')
    expect(found(report, 'database.pages')?.severity).toBe('ok')
    rmSync(`${place.file}-shm`)
    expect(found(await examined(), 'database.opens')?.title).toContain('9 sessions')
  })

  test('of a newer version, of an older one, and of a changed migration are told apart', async () => {
    await filledHome(1)
    const [last = ''] = readMigrations(migrationsDir)
      .map(({ name }) => name)
      .slice(-1)
    const change = (sql: string) => inDatabase(database => database.exec(sql))
    change("INSERT INTO migrations VALUES ('9999-future', 'x', 1)")
    expect(found(await examined(), 'database.schema')).toMatchObject({
      severity: 'error',
      detail: expect.stringContaining('written by a newer Talon: its migration 9999-future'),
    })
    change(`DELETE FROM migrations WHERE name IN ('9999-future', '${last}')`)
    expect(found(await examined(), 'database.schema')).toMatchObject({
      severity: 'info',
      detail: `Pending: ${last}.`,
      fix: expect.stringContaining('talon migrate --dry-run'),
    })
    change("UPDATE migrations SET checksum = 'x' WHERE name = '0001-log'")
    expect(found(await examined(), 'database.schema')?.detail).toContain('was changed after it was applied')
  })

  test('with rows that refer to nothing is found', async () => {
    await filledHome(1)
    inDatabase(database => database.exec("PRAGMA foreign_keys = OFF; DELETE FROM sessions WHERE id = 's'"))
    expect(found(await examined(), 'database.references')).toMatchObject({ severity: 'error' })
  })

  test('that is empty or missing, though something was stored in it, is found', async () => {
    await filledHome(1)
    writeFileSync(join(place.home, 'gateway.commit'), `${'7'.padStart(16, '0')}\n`, { mode: 0o600 })
    expect(found(await examined(), 'database.commits')?.title).toBe(
      'It lacks 7 commits that the gateway had acknowledged.',
    )
    writeFileSync(place.file, '')
    expect(found(await examined(), 'database.opens')?.detail).toBe('It is empty, though 7 commits were stored in it.')
    rmSync(place.file)
    expect(found(await examined(), 'database.opens')?.detail).toBe('It is missing, though 7 commits were stored in it.')
  })

  test('that lacks commits goes on with a backup only if that holds more, and is never set aside', async () => {
    await filledHome(1)
    const count = (commits: number) => inDatabase(database => database.exec(`UPDATE counts SET commits = ${commits}`))
    const fixOf = async () => found(await examined(), 'database.commits')?.fix ?? ''
    writeFileSync(join(place.home, 'gateway.commit'), `${'9'.padStart(16, '0')}\n`, { mode: 0o600 })
    count(4)
    const backup = addBackup('2026-02-18T120000Z')
    copyFileSync(place.file, backup)
    expect(await fixOf()).toMatch(/No backup holds more than the database: then go on with it/)
    count(3)
    expect(await fixOf()).toContain(`talon restore ${backup}`)
    expect(await fixOf()).not.toContain('--set-aside')
  })

  test('that a restore was about to replace is not taken for a damaged one', async () => {
    const journal = JSON.stringify({ from: '/backups/a.backup', replaced: 'gateway.db.replaced-2026' })
    writeFileSync(join(place.home, 'gateway.restore'), journal, { mode: 0o600 })
    writeFileSync(join(place.home, 'gateway.commit'), `${'7'.padStart(16, '0')}\n`, { mode: 0o600 })
    const report = await examined()
    expect(report.ok).toBe(true)
    expect(found(report, 'database.restore')?.title).toBe('A restore of /backups/a.backup was cut in two.')
  })

  test('that is a folder is found', async () => {
    mkdirSync(place.file, { mode: 0o700 })
    expect(found(await examined(), 'database.opens')?.detail).toBe('It is no file.')
  })
})

describe('a data folder', () => {
  test('that others may look into is named, with the command that closes it', async () => {
    await filledHome(1)
    chmodSync(place.home, 0o755)
    chmodSync(place.file, 0o644)
    const report = await examined()
    expect(found(report, 'folder.mode')?.fix).toBe(`chmod 700 ${place.home}`)
    expect(found(report, 'folder.files')).toMatchObject({
      detail: 'gateway.db',
      fix: `cd ${place.home} && chmod go= gateway.db`,
    })
  })

  test('with files of another account is named', async context => {
    if (process.getuid?.() !== 0) return context.skip('only root may give files away')
    await filledHome(1)
    chownSync(place.file, 12_345, 12_345)
    expect(found(await examined(), 'folder.foreign')?.detail).toContain('gateway.db')
  })

  test('that cannot be written is named, with the reason', async context => {
    await filledHome(1)
    if (process.getuid?.() === 0) {
      // No mode keeps root out; a file that is marked as unchangeable does.
      if (spawnSync('chattr', ['+i', place.file]).status !== 0) return context.skip('this disk knows no chattr +i')
    } else chmodSync(place.file, 0o400)
    try {
      const report = await examined()
      expect(report.ok).toBe(false)
      expect(found(report, 'folder.writable')?.title).toBe(`${place.file} cannot be written.`)
      expect(found(report, 'folder.writable')?.fix).toMatch(/chattr -i|chmod u\+rwX/)
      expect(found(report, 'database.pages')?.severity).toBe('ok')
    } finally {
      spawnSync('chattr', ['-i', place.file])
    }
  })

  test('that is a file is named', async () => {
    place.remove()
    writeFileSync(place.home, '')
    const report = await examined()
    expect(found(report, 'folder.there')).toMatchObject({ severity: 'error', title: `${place.home} is no folder.` })
    rmSync(place.home)
  })

  test('with what a killed process left is no trouble, but for a copy of the database', async () => {
    await filledHome(1)
    mkdirSync(join(place.home, 'run'), { mode: 0o700 })
    writeFileSync(join(place.home, 'run', 'gateway.json'), '{}', { mode: 0o600 })
    expect(found(await examined(), 'lock.stale')).toMatchObject({ severity: 'info', detail: 'In run/: gateway.json.' })
    // No Linux machine has a process of this number: it is above the kernel's largest (2^22).
    const copy = join(place.home, 'run', 'migrate-4194305-x')
    mkdirSync(copy)
    expect(found(await examined(), 'lock.copies')?.fix).toBe(`rm -r ${copy}`)
  })

  test('with data of an older version says what was not imported', async () => {
    await filledHome(1)
    mkdirSync(join(place.home, 'sessions'))
    for (const name of ['a.json', 'b.json']) writeFileSync(join(place.home, 'sessions', name), '{}')
    inDatabase(database =>
      database.exec(
        `INSERT INTO imports (folder, source, size, modified_at, sha256, messages_read, messages_stored, messages_hash,
         warnings, finished_at) VALUES ('', 'sessions/a.json', 2, 1, '', 0, 0, '', '[]', 1)`,
      ),
    )
    expect(found(await examined(), 'legacy.imported')).toMatchObject({
      title: '1 of 2 old files are not imported yet.',
      detail: 'sessions/b.json',
    })
  })

  test('tells which old files failed and which came with warnings, by their newest import', async () => {
    await filledHome(1)
    mkdirSync(join(place.home, 'sessions', 'folder.json'), { recursive: true })
    const names = ['mended', 'broken', 'partial']
    for (const name of names) writeFileSync(join(place.home, 'sessions', `${name}.json`), '{}')
    const record = (name: string, sessionId: string | null, ...warnings: string[]) =>
      inDatabase(database =>
        database
          .prepare(
            `INSERT INTO imports (folder, source, size, modified_at, sha256, session_id, messages_read, messages_stored,
             messages_hash, warnings, finished_at) VALUES ('', ?, 2, 1, '', ?, 0, 0, '', ?, 1)`,
          )
          .run(`sessions/${name}.json`, sessionId, JSON.stringify(warnings)),
      )
    record('mended', null, 'The file is empty.')
    record('mended', 's')
    record('broken', null, 'The file is empty.')
    record('partial', 's', 'Message 3 has no text.', 'Another.')
    const report = await examined()
    expect(found(report, 'legacy.imported')).toBeUndefined()
    expect(found(report, 'legacy.failed')).toMatchObject({
      severity: 'warn',
      detail: 'sessions/broken.json (The file is empty)',
    })
    expect(found(report, 'legacy.partial')).toMatchObject({
      severity: 'info',
      detail: 'sessions/partial.json (Message 3 has no text)',
    })
    writeFileSync(place.file, 'no database')
    expect((await examined()).findings.filter(({ id }) => id.startsWith('legacy.'))).toEqual([])
  })
})

describe('the backups', () => {
  test('that are missing, old, unfinished, bare or superseded are named', async () => {
    await filledHome(1)
    expect(found(await examined(), 'backups.newest')).toMatchObject({ severity: 'warn', fix: 'talon backup' })
    const bare = addBackup('2026-01-01T000000Z', { checksum: false })
    const partial = `${addBackup('2025-12-31T000000Z')}.partial`
    writeFileSync(partial, '', { mode: 0o600 })
    utimesSync(partial, 1, 1)
    writeFileSync(join(place.home, 'gateway.db.replaced-2026'), 'old', { mode: 0o600 })
    const report = await examined()
    expect(found(report, 'backups.newest')).toMatchObject({
      severity: 'warn',
      title: expect.stringContaining('50 days old'),
    })
    expect(found(report, 'backups.checksum')?.detail).toBe(bare.split('/').at(-1))
    expect(found(report, 'backups.unfinished')?.detail).toBe(partial.split('/').at(-1))
    expect(found(report, 'backups.replaced')?.fix).toContain('rm gateway.db.replaced-2026')
  })

  test('are counted where there are very many of them', async () => {
    await filledHome(1)
    for (let second = 0; second < 1_200; second++) {
      addBackup(
        new Date(now - second * 1_000)
          .toISOString()
          .replace(/\.\d+Z$/, 'Z')
          .replaceAll(':', ''),
      )
    }
    expect(found(await examined(), 'backups.newest')?.title).toContain('The newest of 1200 is 0 minutes old')
  })
})

describe('the settings', () => {
  test('that cannot be used are named', async () => {
    writeFileSync(join(place.home, 'talon.json'), '{"server": {"prot": 1}}', { mode: 0o600 })
    expect(found(await examined(), 'settings.valid')?.detail).toContain('Did you mean "server.port"?')
    rmSync(join(place.home, 'talon.json'))
    const env = { TALON_HOST: '0.0.0.0', TALON_AUTH_MODE: 'none', TALON_PROT: '1' }
    const report = await examined({ env })
    expect(found(report, 'settings.safe')?.severity).toBe('error')
    expect(found(report, 'settings.unknown')?.title).toContain('Did you mean TALON_PORT?')
    expect(found(report, 'network.bind')?.severity).toBe('warn')
    expect(found(report, 'network.auth')?.severity).toBe('warn')
  })

  test('name a port that another program has', async () => {
    const server = createServer(socket => socket.resume().end('220 another program\n'))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const report = await examined({ env: { TALON_PORT: String(port) } })
    expect(found(report, 'network.port')?.title).toBe(`Another program has port ${port} on 127.0.0.1.`)
    await new Promise(resolve => server.close(resolve))
    expect(found(await examined({ env: { TALON_PORT: String(port) } }), 'network.port')?.severity).toBe('ok')
  })
})

test('a check that cannot be made is a finding, and the others are made', async () => {
  await filledHome(1)
  renameSync(place.file, `${place.file}.aside`)
  // A folder where the lock should be.
  mkdirSync(join(place.home, 'run', 'gateway.lock'), { recursive: true })
  const report = await examined()
  expect(found(report, 'lock.holder')).toMatchObject({ severity: 'error' })
  expect(found(report, 'program.node')).toMatchObject({ severity: 'ok' })
})
