import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { accountOf, barrier } from '../../src/cli/process/account.ts'
import { unitIn } from '../../src/cli/process/systemd.ts'
import { type UnitParts, unitText } from '../../src/cli/process/unit.ts'
import { newHome, runCommand } from './command.ts'

const { username } = userInfo()
const template = join(import.meta.dirname, '..', '..', 'deploy', 'systemd', 'talon.service')

const parts: UnitParts = {
  scope: 'system',
  node: '/usr/bin/node',
  entry: '/opt/talon/bin/talon.mjs',
  home: '/var/lib/talon',
  writes: [],
  environmentFile: '/etc/talon/talon.env',
  account: { name: 'talon', group: 'talon' },
  namespaces: true,
}

/** An account of its own: nothing of this machine's is read, and no systemd is there to be asked. */
function newAccount() {
  const folder = newHome()
  const [home, config, programs] = [join(folder, 'data'), join(folder, 'config'), join(folder, 'bin')]
  mkdirSync(programs)
  const env = { HOME: folder, XDG_CONFIG_HOME: config, PATH: programs }
  return {
    ...{ folder, home, programs },
    unit: join(config, 'systemd', 'user', 'talon.service'),
    environmentFile: join(config, 'talon', 'talon.env'),
    run: (argv: string[], more: Record<string, string> = {}) =>
      runCommand(['service', ...argv], { home, env: { ...env, ...more } }),
  }
}

describe('talon service install', () => {
  test('writes a unit of the account, a file for variables and the data folder, and says how to go on', async () => {
    const account = newAccount()
    const { exitCode, out, err } = await account.run(['install'], { TALON_PORT: '1', TALON_HOME: account.home })
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    const lines = out.split('\n')
    expect(lines[0]).toBe(`Wrote ${account.unit}.`)
    expect(lines).toContain('  systemctl --user daemon-reload')
    expect(lines).toContain('  systemctl --user enable --now talon.service')
    expect(out).toContain('loginctl enable-linger')
    expect(out).toContain(
      `Note: the service does not see TALON_PORT of this shell; ${account.environmentFile} is for that.`,
    )
    const text = readFileSync(account.unit, 'utf8')
    expect(text).toContain(` --home ${account.home} start\n`)
    expect(text).toContain(`EnvironmentFile=-${account.environmentFile}\n`)
    expect(text).not.toContain('User=')
    expect(statSync(account.environmentFile).mode & 0o777).toBe(0o600)
    expect(statSync(account.home).mode & 0o777).toBe(0o700)
  })

  test('says so where systemctl is missing, and writes all the same', async () => {
    const account = newAccount()
    const { exitCode, out } = await account.run(['install'])
    expect({ exitCode, written: existsSync(account.unit) }).toEqual({ exitCode: 0, written: true })
    expect(out).toContain('systemctl is missing here')
  })

  test('changes nothing the second time, replaces an older unit of ours, and never the variables', async () => {
    const account = newAccount()
    await account.run(['install'])
    writeFileSync(account.environmentFile, 'ACME_KEY=1\n')
    expect((await account.run(['install'])).out).toContain(`${account.unit} is as it should be.`)
    const text = readFileSync(account.unit, 'utf8')
    writeFileSync(account.unit, text.replace('TimeoutStopSec=20', 'TimeoutStopSec=5'))
    expect((await account.run(['install'])).out).toContain(`Replaced ${account.unit}.`)
    expect(readFileSync(account.unit, 'utf8')).toBe(text)
    expect(readFileSync(account.environmentFile, 'utf8')).toBe('ACME_KEY=1\n')
  })

  test("leaves somebody else's unit as it is, and so does uninstall", async () => {
    const account = newAccount()
    mkdirSync(join(account.unit, '..'), { recursive: true })
    writeFileSync(account.unit, '[Service]\nExecStart=/usr/bin/mine\n')
    for (const verb of ['install', 'uninstall']) {
      const { exitCode, err } = await account.run([verb])
      expect({ exitCode, err }).toEqual({ exitCode: 1, err: expect.stringContaining('was not written by Talon') })
    }
    expect(readFileSync(account.unit, 'utf8')).toBe('[Service]\nExecStart=/usr/bin/mine\n')
  })

  test('prints the unit with --dry-run and writes nothing', async () => {
    const account = newAccount()
    const { exitCode, out, err } = await account.run(['install', '--dry-run'])
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(out).toContain('[Service]\n')
    expect([account.unit, account.home].filter(path => existsSync(path))).toEqual([])
  })

  test('for the machine names the account and a folder that is no home of root', async () => {
    // The account is looked up by the programs of this machine.
    const PATH = process.env.PATH ?? ''
    const argv = ['install', '--system', '--user-name', username, '--dry-run']
    const { exitCode, out } = await newAccount().run(argv, { PATH })
    expect(exitCode).toBe(0)
    expect(out).toContain(`\nUser=${username}\n`)
    expect(out).toContain(' --home /var/lib/talon start\n')
    expect(out).toContain('WantedBy=multi-user.target')
    const sudo = await newAccount().run(['install', '--system', '--dry-run'], { PATH, SUDO_USER: username })
    expect(sudo.out).toBe(out)
    const elsewhere = await newAccount().run(argv, { PATH, TALON_HOME: '/srv/talon' })
    expect(elsewhere.out).not.toContain('/var/lib/talon')
  })

  test.each([
    { argv: ['--user-name', 'talon'], exitCode: 2, says: '--user-name goes with --system' },
    { argv: ['--system', '--dry-run'], exitCode: 2, says: 'Name the account' },
    { argv: ['--system', '--user-name', 'no-such-account', '--dry-run'], exitCode: 1, says: 'useradd --system' },
    { argv: ['--system', '--user-name', '-x; y', '--dry-run'], exitCode: 1, says: 'is no name of an account' },
  ])('refuses $argv', async ({ argv, exitCode, says }) => {
    expect(await newAccount().run(['install', ...argv])).toEqual({
      ...{ exitCode, out: '' },
      err: expect.stringContaining(says),
    })
  })

  test('for the machine is for root', async () => {
    // What the system says of this process, which may be root here.
    const getuid = vi.spyOn(process, 'getuid').mockReturnValue(1_000)
    onTestFinished(() => getuid.mockRestore())
    const { exitCode, err } = await newAccount().run(['install', '--system', '--user-name', username])
    expect({ exitCode, err }).toEqual({ exitCode: 1, err: expect.stringContaining('sudo talon service install') })
  })
})

describe('talon service uninstall and status', () => {
  test('remove the unit, keep the rest, and tell what is there', async () => {
    const account = newAccount()
    const status = async () => JSON.parse((await account.run(['status', '--json'])).out)
    expect(await status()).toMatchObject({ installed: false, current: false, unit: account.unit, active: 'unknown' })
    expect((await account.run(['status'])).out).toContain(`Not installed: there is no ${account.unit}.`)
    await account.run(['install'])
    expect(await status()).toMatchObject({ installed: true, current: true })
    writeFileSync(account.unit, readFileSync(account.unit, 'utf8').replace('RestartSec=2', 'RestartSec=9'))
    const { exitCode, out } = await account.run(['status'])
    expect(exitCode).toBe(3)
    expect(out).toContain('would write it differently')
    expect(out).toContain('What systemd does is not known: systemctl is missing.')
    expect(await account.run(['uninstall'])).toMatchObject({ exitCode: 0, err: '' })
    expect(existsSync(account.unit)).toBe(false)
    expect(existsSync(account.environmentFile)).toBe(true)
    expect(await account.run(['uninstall'])).toMatchObject({ exitCode: 0, err: `There is no ${account.unit}.\n` })
  })

  test('stop a service only if its unit is the one that is removed', async () => {
    const account = newAccount()
    await account.run(['install'])
    const calls = plantSystemctl(account, '/etc/systemd/user/talon.service')
    await account.run(['uninstall'])
    expect(calls()).not.toContain('disable')
    await account.run(['install'])
    const more = plantSystemctl(account, account.unit)
    expect((await account.run(['status'])).out).toContain('systemd: active (running), process 4321, enabled.')
    expect((await account.run(['status'])).exitCode).toBe(0)
    expect((await account.run(['uninstall'])).out).toContain('Stopped the service and removed')
    expect(more()).toContain('--user --no-pager disable --now talon.service\n--user --no-pager daemon-reload\n')
  })
})

describe('the unit', () => {
  test('in deploy/ is the one that would be written for /opt/talon', () => {
    expect(readFileSync(template, 'utf8')).toBe(unitText(parts))
  })

  test('is hardened, and keeps what the sandbox of tools needs', () => {
    const text = unitText(parts)
    const lines = text.split('\n')
    expect(lines).toEqual(
      expect.arrayContaining([
        ...['NoNewPrivileges=yes', 'ProtectSystem=strict', 'ReadWritePaths=/var/lib/talon', 'PrivateTmp=yes'],
        ...['Restart=on-failure', 'TimeoutStopSec=20', 'KillMode=mixed', 'ExecReload=/bin/kill -HUP $MAINPID'],
        ...['CapabilityBoundingSet=', 'OOMPolicy=continue', 'UMask=0077'],
      ]),
    )
    expect(text).toMatch(/^RestartPreventExitStatus=78\b/m)
    for (const key of ['RestrictNamespaces', 'ProtectKernelTunables', 'ProtectProc', 'MemoryDenyWriteExecute']) {
      expect(text).not.toMatch(new RegExp(`^${key}=`, 'm'))
    }
  })

  test('of an account closes the file system where the machine lets it', () => {
    const user: UnitParts = { ...parts, scope: 'user', account: undefined }
    expect(unitText(user)).toContain('PrivateUsers=yes\nProtectSystem=strict\nProtectHome=read-only\n')
    const plain = unitText({ ...user, namespaces: false })
    expect(plain).not.toMatch(/^(PrivateUsers|ProtectSystem|PrivateTmp)=/m)
    expect(plain).toContain('NoNewPrivileges=yes\n')
  })

  test('opens what lies in a home or in /tmp', () => {
    const inHome = unitText({ ...parts, node: '/home/ann/node' })
    expect(inHome).toContain('ProtectHome=read-only\n')
    expect(unitText({ ...parts, home: '/tmp/talon' })).not.toContain('PrivateTmp=yes')
    expect(unitText({ ...parts, writes: ['/srv/work'] })).toContain('ReadWritePaths=/var/lib/talon /srv/work\n')
  })

  test('quotes a path as systemd reads it, and holds none with a line feed', () => {
    const text = unitText({ ...parts, node: '/opt/my node/$n', home: '/srv/a "b" 50%$x\\y' })
    expect(text).toContain('ExecStart="/opt/my node/$n" ')
    expect(text).toContain('--home "/srv/a \\"b\\" 50%%$$x\\\\y" start\n')
    expect(text).toContain('ReadWritePaths="/srv/a \\"b\\" 50%%$x\\\\y"\n')
    expect(() => unitText({ ...parts, home: '/srv/a\nUser=root' })).toThrow('control character')
  })

  test.for(['system', 'user'] as const)('is one that systemd-analyze takes for the %s manager', (scope, ctx) => {
    if (spawnSync('systemd-analyze', ['--version']).status !== 0) ctx.skip('systemd-analyze is not installed.')
    const folder = newHome()
    const file = join(folder, 'talon.service')
    const home = join(folder, 'my data 100% $x')
    const entry = join(import.meta.dirname, '..', '..', 'bin', 'talon.mjs')
    const account = scope === 'user' ? undefined : { name: 'daemon', group: 'daemon' }
    writeFileSync(file, unitText({ ...parts, scope, home, node: process.execPath, entry, account }))
    const { stderr } = spawnSync('systemd-analyze', ['verify', `--${scope}`, '--man=no', file], {
      env: { ...process.env, XDG_RUNTIME_DIR: folder },
      encoding: 'utf8',
    })
    // Other units of this machine may have faults of their own.
    const ours = stderr.split('\n').filter(line => line.includes('talon.service'))
    expect(ours).toEqual([])
  })
})

test('a process is known to be run by systemd by its group', () => {
  const machine = { name: 'talon.service', scope: 'system', systemctl: 'systemctl' }
  const own = { name: 'talon.service', scope: 'user', systemctl: 'systemctl --user' }
  expect(unitIn('0::/system.slice/talon.service\n')).toEqual(machine)
  expect(unitIn('5:cpu:/\n1:name=systemd:/system.slice/talon.service\n0::/\n')).toEqual(machine)
  expect(unitIn('0::/user.slice/user-1.slice/user@1.service/app.slice/talon.service\n')).toEqual(own)
  expect(unitIn('0::/user.slice/user-1.slice/session-3.scope\n')).toBeUndefined()
  expect(unitIn('0::/system.slice/not-talon.service\n')).toBeUndefined()
})

test('a folder that bars an account from a path is found', () => {
  const folder = newHome()
  const closed = join(folder, 'closed')
  mkdirSync(closed, { mode: 0o700 })
  chmodSync(folder, 0o755)
  const stranger = { name: 'stranger', group: 'stranger', uid: 54_321, gid: 54_321 }
  expect(barrier(join(closed, 'talon', 'bin'), stranger)).toBe(closed)
  expect(barrier(join(folder, 'talon'), stranger)).toBeUndefined()
  expect(barrier(join(closed, 'x'), { ...stranger, uid: statSync(closed).uid })).toBeUndefined()
  expect(accountOf(username)).toMatchObject({ name: username, uid: userInfo().uid })
})

/** A systemctl that runs the service from this unit and writes down what it is asked. */
function plantSystemctl({ folder, programs }: { folder: string; programs: string }, path: string): () => string {
  const calls = join(folder, 'calls')
  writeFileSync(calls, '')
  const state = [
    'ActiveState=active',
    'SubState=running',
    'UnitFileState=enabled',
    'MainPID=4321',
    `FragmentPath=${path}`,
  ]
  const say = state.map(line => `echo '${line}'`).join('\n')
  const script = `#!/bin/sh\necho "$@" >> '${calls}'\ncase "$*" in *show*)\n${say}\n;; esac\n`
  writeFileSync(join(programs, 'systemctl'), script, { mode: 0o755 })
  return () => readFileSync(calls, 'utf8')
}
