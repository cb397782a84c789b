import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { acquireLock } from '../../src/db/sqlite/lock.ts'
import { thisMachine } from '../../src/server/doctor/machine.ts'
import type { Report, Severity } from '../../src/server/doctor.ts'
import { testGateway } from '../support/gateway.ts'
import { openSmallDisk, whyNoSmallDisk } from '../support/small-disk.ts'
import { temporaryHome } from '../support/store.ts'
import {
  addBackup,
  addProgram,
  examineHome,
  fillHome,
  found,
  inDatabase,
  type More,
  now,
  writeSettings,
} from './examined.ts'

let place: ReturnType<typeof temporaryHome>
let aside: string

beforeEach(() => {
  place = temporaryHome()
  aside = mkdtempSync(join(tmpdir(), 'talon-aside-'))
})
afterEach(() => {
  place.remove()
  rmSync(aside, { recursive: true, force: true })
})

const examined = (more: More = {}) => examineHome(place.home, { offline: true, ...more })

/** What a report says of one thing, in the order of a table of tests. */
async function severityOf(id: string, more: More = {}): Promise<Severity | undefined> {
  return found(await examined(more), id)?.severity
}

describe('versions', () => {
  test.each([
    ['22.9.0', '2026-02-19', 'error'],
    ['24.0.0', '2026-02-19', 'ok'],
    ['24.21.0', '2028-06-01', 'warn'],
    ['25.1.0', '2026-02-19', 'info'],
    ['26.0.0', '2026-02-19', 'ok'],
  ] as const)('of Node %s on %s are judged as %s', async (nodeVersion, day, severity) => {
    expect(await severityOf('program.node', { now: Date.parse(day), machine: { nodeVersion } })).toBe(severity)
  })

  test.each([
    ['3.51.2', 'error'],
    ['3.9.99', 'error'],
    ['3.51.3', 'ok'],
    ['4.0.0', 'ok'],
  ] as const)('of SQLite %s are judged as %s', async (sqliteVersion, severity) => {
    expect(await severityOf('program.sqlite', { machine: { sqliteVersion } })).toBe(severity)
  })

  test('of this machine are known', () => {
    expect(thisMachine()).toMatchObject({
      nodeVersion: process.versions.node,
      sqliteVersion: expect.stringMatching(/^3\.\d+\.\d+$/),
    })
  })

  test('of the gateway that runs and of this program are compared', async () => {
    const holder = { pid: process.pid, bootId: 'b', version: '0.3.9', host: '', port: 0, startedAt: 1 }
    const lock = acquireLock(place.home, holder)
    try {
      expect(found(await examined(), 'program.version')).toMatchObject({ severity: 'warn', fix: 'talon restart' })
      expect(await severityOf('program.version', { version: '0.3.9' })).toBe('ok')
    } finally {
      lock.release()
    }
  })
})

describe('the number of files that may be open', () => {
  test('is enough for all connections, or too small', async () => {
    const few = found(await examined({ machine: { openFiles: () => 1_024 } }), 'program.files')
    expect(few).toMatchObject({
      severity: 'warn',
      fix: expect.stringContaining('talon config set server.maxConnections=512'),
    })
    expect(await severityOf('program.files', { machine: { openFiles: () => Number.POSITIVE_INFINITY } })).toBe('ok')
    expect(await severityOf('program.files', { machine: { openFiles: () => undefined } })).toBe('info')
    const env = { TALON_SERVER_MAX_CONNECTIONS: '500' }
    expect(await severityOf('program.files', { env, machine: { openFiles: () => 1_024 } })).toBe('ok')
  })

  test.skipIf(process.platform !== 'linux')('is read of any process', async () => {
    const child = spawn('sh', ['-c', 'ulimit -n 321 && echo set && exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect(thisMachine().openFiles(child.pid ?? 0)).toBe(321)
    child.stdin.end()
    await once(child, 'exit')
    expect(thisMachine().openFiles(child.pid ?? 0)).toBeUndefined()
  })
})

describe('bubblewrap', () => {
  const withProgram = (script?: string): More => {
    if (script !== undefined) addProgram(aside, 'bwrap', script)
    return {
      env: { PATH: aside },
      machine: { platform: 'linux', osRelease: 'ID=rocky\nID_LIKE="rhel centos fedora"\n' },
    }
  }

  test('that works is said to', async () => {
    expect(await severityOf('program.sandbox', withProgram('exit 0'))).toBe('ok')
  })

  test('that is missing is named, with the command that installs it here', async () => {
    const sandbox = found(await examined(withProgram()), 'program.sandbox')
    expect(sandbox).toMatchObject({ severity: 'warn', fix: 'sudo dnf install bubblewrap' })
  })

  test.each([
    ['ID=debian', 'sudo apt-get install bubblewrap'],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"', 'sudo apt-get install bubblewrap'],
    ['ID=alpine', 'sudo apk add bubblewrap'],
    ['ID=arch', 'sudo pacman -S bubblewrap'],
    ['ID=opensuse-tumbleweed\nID_LIKE="opensuse suse"', 'sudo zypper install bubblewrap'],
  ])('is installed on %j by %s', async (osRelease, fix) => {
    const report = await examined({ env: { PATH: aside }, machine: { platform: 'linux', osRelease } })
    expect(found(report, 'program.sandbox')?.fix).toBe(fix)
  })

  test('that may not make namespaces is named, with what it said', async () => {
    const script = 'echo "bwrap: setting up uid map: Permission denied" >&2\nexit 1'
    expect(found(await examined(withProgram(script)), 'program.sandbox')).toMatchObject({
      severity: 'warn',
      detail: 'It said: bwrap: setting up uid map: Permission denied',
      fix: expect.stringMatching(/sysctl|namespaces/),
    })
  })

  test('that never ends is ended', async () => {
    const report = await examined({ ...withProgram('exec /bin/sleep 600'), patience: { programMs: 1_000 } })
    expect(found(report, 'program.sandbox')?.detail).toContain('nothing within 1 s')
  })

  test('is not looked for where there is none', async () => {
    expect(await severityOf('program.sandbox', { env: { PATH: aside }, machine: { platform: 'darwin' } })).toBe('info')
  })

  const works = spawnSync('bwrap', ['--ro-bind', '/', '/', '--unshare-all', '--proc', '/proc', 'true']).status === 0
  test.skipIf(!works)('of this machine is really run', async () => {
    const env = { PATH: process.env['PATH'] }
    expect(await severityOf('program.sandbox', { env, machine: { platform: 'linux' } })).toBe('ok')
  })
})

describe('the service', () => {
  /** A unit as "talon service install" writes it. */
  function addUnit(entry: string, home: string, mark = '# Written by "talon service install"'): More {
    const folder = join(aside, '.config', 'systemd', 'user')
    mkdirSync(folder, { recursive: true })
    const command = `${process.execPath} --max-semi-space-size=8 "${entry}" --home ${home} start`
    writeFileSync(join(folder, 'talon.service'), `${mark}\n[Service]\nExecStart=${command}\n`)
    return { machine: { accountHome: aside } }
  }

  test('that starts what is there is fine', async () => {
    const entry = join(aside, 'a talon.mjs')
    writeFileSync(entry, '')
    expect(await severityOf('program.service', addUnit(entry, place.home))).toBe('ok')
  })

  test('that starts what was moved is named', async () => {
    const service = found(await examined(addUnit('/nowhere/talon.mjs', place.home)), 'program.service')
    expect(service).toMatchObject({ severity: 'warn', fix: 'talon service install' })
    expect(service?.title).toContain('/nowhere/talon.mjs')
  })

  test('of another data folder, or of somebody else, is not ours', async () => {
    expect(await severityOf('program.service', addUnit('/nowhere/talon.mjs', '/elsewhere'))).toBeUndefined()
    expect(await severityOf('program.service', addUnit('/nowhere/talon.mjs', place.home, '#'))).toBeUndefined()
  })
})

describe('the clock', () => {
  test('that was never set is named', async () => {
    expect(await severityOf('clock.sane', { now: 1_000 })).toBe('warn')
    expect(await severityOf('clock.sane')).toBe('ok')
  })

  test('that went back behind what is stored is named', async () => {
    await fillHome(place, 1)
    const active = (at: number) =>
      inDatabase(place, database => database.exec(`UPDATE sessions SET last_active_at = ${at}`))
    active(now + 7_200_000)
    expect(found(await examined(), 'clock.sane')?.title).toContain('2 hours newer')
    active(now + 60_000)
    expect(await severityOf('clock.sane')).toBe('ok')
    addBackup(place, '2027-02-19T000000Z')
    expect(await severityOf('clock.sane')).toBe('warn')
  })
})

describe('the data folder', () => {
  test('of another account is named', async () => {
    const userId = 4_242
    expect(await severityOf('folder.owner', { machine: { userId } })).toBe('error')
    expect(await severityOf('folder.owner', { machine: { userId: 0 } })).toMatch(/^(info|ok)$/)
    expect(await severityOf('folder.owner')).toBe('ok')
  })

  test('with a folder that others may look into is named, with the command that closes it', async () => {
    mkdirSync(join(place.home, 'secrets'), { mode: 0o755 })
    writeSettings(place, {}, 0o644)
    expect(found(await examined(), 'folder.files')).toMatchObject({
      severity: 'warn',
      detail: 'talon.json, secrets',
      fix: `cd ${place.home} && chmod go= talon.json secrets`,
    })
  })

  const why = whyNoSmallDisk()
  test.skipIf(why !== undefined)('on a disk without space is named, and one with space is not', async () => {
    const disk = await openSmallDisk(8)
    try {
      const folder = disk.outside(disk.folder)
      const at = (home: string) => examineHome(home, { offline: true })
      expect(found(await at(folder), 'disk.free')?.severity).toBe('ok')
      expect(found(await at(folder), 'disk.files')).toBeUndefined()
      // It takes no room itself, and a backup of it would.
      writeFileSync(join(folder, 'gateway.db'), '')
      truncateSync(join(folder, 'gateway.db'), 7 * 1024 * 1024 + 800 * 1024)
      expect(found(await at(folder), 'disk.free')?.severity).toBe('warn')
      writeFileSync(join(folder, 'filler'), Buffer.alloc(7 * 1024 * 1024 + 600 * 1024))
      expect(found(await at(folder), 'disk.free')?.severity).toBe('error')
      const few = join(disk.folder, 'few')
      const script = `mkdir ${few} && mount -t tmpfs -o size=4m,nr_inodes=100,mode=700 few ${few}`
      const [command = '', ...args] = [...disk.enter, 'sh', '-c', script]
      expect(spawnSync(command, args).status).toBe(0)
      expect(found(await at(disk.outside(few)), 'disk.files')).toMatchObject({ severity: 'warn' })
    } finally {
      await disk.close()
    }
  })
})

describe('the log', () => {
  test('that cannot be kept is named', async () => {
    expect(await severityOf('logs.folder')).toBe('info')
    writeFileSync(join(place.home, 'logs'), '', { mode: 0o600 })
    expect(await severityOf('logs.folder')).toBe('warn')
    rmSync(join(place.home, 'logs'))
    mkdirSync(join(place.home, 'logs'), { mode: 0o700 })
    expect(await severityOf('logs.folder')).toBe('ok')
  })

  test('that may fill the disk is named', async () => {
    mkdirSync(join(place.home, 'logs'), { mode: 0o700 })
    const env = { TALON_LOG_FILE: 'logs/a.log', TALON_LOG_MAX_MEGABYTES: '10240', TALON_LOG_KEEP_FILES: '1000' }
    expect(found(await examined({ env }), 'logs.size')).toMatchObject({
      severity: 'warn',
      title: expect.stringContaining('10010.0 GB'),
    })
    writeFileSync(join(place.home, 'logs', 'talon.log'), 'x'.repeat(2_048), { mode: 0o600 })
    expect(found(await examined(), 'logs.size')).toMatchObject({ severity: 'ok', title: 'Logs take 2.0 KB.' })
  })
})

describe('the settings', () => {
  test('with a provider that cannot be used are named', async () => {
    writeSettings(place, { agent: { providers: [{ name: 'x', kind: 'nope' }] } })
    expect(found(await examined(), 'settings.valid')).toMatchObject({
      severity: 'error',
      detail: expect.stringContaining('agent.providers.0'),
    })
    writeSettings(place, {})
    expect(await severityOf('settings.valid')).toBe('ok')
  })
})

describe('the address and the port', () => {
  test('that are not of this machine, or for root alone, are named', async () => {
    // An address that is nobody's (RFC 5737).
    expect(await severityOf('network.address', { env: { TALON_HOST: '192.0.2.1', TALON_PORT: '0' } })).toBe('error')
    expect(await severityOf('network.address', { env: { TALON_PORT: '0' } })).toBeUndefined()
    const env = { TALON_PORT: String(await freePort()) }
    expect(await severityOf('network.port', { env, machine: { firstFreePort: 65_536 } })).toBe('warn')
    expect(await severityOf('network.port', { env, machine: { firstFreePort: 65_536, root: true } })).toBe('ok')
    expect(await severityOf('network.port', { env: { TALON_PORT: '0' } })).toBe('ok')
  })

  test('that another gateway has are told from those that a program has', async () => {
    await using gateway = await testGateway()
    const report = await examined({ env: { TALON_PORT: String(gateway.port) } })
    expect(found(report, 'network.port')).toMatchObject({
      severity: 'warn',
      title: `Another Talon gateway has port ${gateway.port} on 127.0.0.1.`,
    })
  })

  test('at which the gateway that runs does not answer are named', async () => {
    const port = await freePort()
    const at = { pid: process.pid, bootId: 'b', version: '0.4.0', host: '127.0.0.1', port, startedAt: 1 }
    const lock = acquireLock(place.home, at)
    try {
      expect(await severityOf('network.port')).toBe('error')
    } finally {
      lock.release()
    }
  })
})

/** A port that nobody has: it was had a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

describe('a report of some groups', () => {
  test('has these alone, and does without the check of pages', async () => {
    await fillHome(place, 1)
    const report: Report = await examined({ groups: ['program', 'backups'] })
    expect([...new Set(report.findings.map(({ group }) => group))]).toEqual(['program', 'backups'])
  })
})
