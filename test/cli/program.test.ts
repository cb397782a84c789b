import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { newHome, runCommand } from './command.ts'

const commands = [
  ['start'],
  ['stop'],
  ['restart'],
  ['status'],
  ['service'],
  ['service', 'install'],
  ['service', 'uninstall'],
  ['service', 'status'],
  ['chat'],
  ['search'],
  ['usage'],
  ['login'],
  ['token'],
  ['token', 'create'],
  ['token', 'list'],
  ['token', 'revoke'],
  ['approvals'],
  ['approvals', 'list'],
  ['approvals', 'allow'],
  ['approvals', 'deny'],
  ['approvals', 'revoke'],
  ['schedule'],
  ['schedule', 'list'],
  ['schedule', 'add'],
  ['schedule', 'remove'],
  ['schedule', 'pause'],
  ['schedule', 'resume'],
  ['schedule', 'run'],
  ['schedule', 'runs'],
  ['config'],
  ['config', 'list'],
  ['config', 'get'],
  ['config', 'set'],
  ['config', 'unset'],
  ['config', 'confirm'],
  ['backup'],
  ['backup', 'list'],
  ['backup', 'verify'],
  ['restore'],
  ['trash'],
  ['trash', 'list'],
  ['trash', 'restore'],
  ['trash', 'empty'],
  ['audit'],
  ['audit', 'list'],
  ['audit', 'verify'],
  ['doctor'],
  ['migrate'],
  ['import'],
]

describe('help', () => {
  it.each([[], ...commands].map(path => ({ path })))(
    'of "talon $path" has a usage line and examples',
    async ({ path }) => {
      const { exitCode, out, err } = await runCommand([...path, '--help'])
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
      expect(out).toContain(['Usage: talon', ...path].join(' '))
      expect(out).toContain('Examples:')
      expect(out).toContain('--home <folder>')
    },
  )

  it('prints the version', async () => {
    expect(await runCommand(['--version'])).toEqual({ exitCode: 0, out: '9.9.9\n', err: '' })
  })

  it('is printed for the bare command, as a wrong usage', async () => {
    const { exitCode, err } = await runCommand([])
    expect(exitCode).toBe(2)
    expect(err).toContain('Usage: talon')
  })
})

describe('a wrong command line', () => {
  it.each([
    { argv: ['stauts'], says: "unknown command 'stauts'\n(Did you mean status?)" },
    { argv: ['status', '--jsno'], says: "unknown option '--jsno'\n(Did you mean --json?)" },
    { argv: ['token', 'revoke'], says: "missing required argument 'id'" },
    { argv: ['token', 'create', '--name', 'a', '--scope', 'read,fly'], says: 'There is no scope "fly".' },
    { argv: ['token', 'create', '--name', 'a', '--scope', 'read', '--expires', 'soon'], says: 'such as 30d' },
    {
      argv: ['token', 'create', '--name', 'a', '--scope', 'read', '--profile', 'root'],
      says: 'Allowed choices are read-only',
    },
    { argv: ['approvals', 'allow'], says: "missing required argument 'id'" },
    { argv: ['approvals', 'allow', 'x', '--remember', 'ever'], says: 'Allowed choices are session, always' },
    { argv: ['token', 'create', '--name', 'a'], says: "--scope <list>' not specified" },
    { argv: ['config', '--set', 'log.levle=debug'], says: 'Did you mean "log.level"?' },
    { argv: ['config', '--set', 'log.level'], says: 'It is written key=value' },
    { argv: ['chat'], says: 'There is nothing to send.' },
  ])('$argv exits with 2 and says what is wrong', async ({ argv, says }) => {
    const { exitCode, out, err } = await runCommand(argv)
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' })
    expect(err).toContain(says)
  })
})

describe('without a gateway', () => {
  it.each([['status'], ['login'], ['token', 'list'], ['chat', '-m', 'hello']].map(argv => ({ argv })))(
    '$argv says how to start one and exits with 3',
    async ({ argv }) => {
      const home = newHome()
      const err = `No gateway runs on ${home}. Start one with: talon start\n`
      expect(await runCommand(argv, { home })).toEqual({ exitCode: 3, out: '', err })
      expect(await runCommand(['--home', home, ...argv])).toEqual({ exitCode: 3, out: '', err })
      expect(await runCommand([...argv, '--home', home])).toEqual({ exitCode: 3, out: '', err })
    },
  )

  it('status --json tells it to a program', async () => {
    const home = newHome()
    const { exitCode, out } = await runCommand(['status', '--json'], { home })
    expect(exitCode).toBe(3)
    expect(JSON.parse(out)).toEqual({ running: false, home })
  })

  it('does not take what a dead gateway left for a running one', async () => {
    const home = newHome()
    // No Linux machine has a process of this number: it is above the kernel's largest (2^22).
    writeRunFile(home, { pid: 4_194_305, port: 1 })
    expect((await runCommand(['status'], { home })).exitCode).toBe(3)
  })

  it('does not take a process that got the same number for the gateway', async () => {
    const home = newHome()
    const port = await closedPort()
    writeRunFile(home, { pid: process.pid, port })
    expect((await runCommand(['status'], { home })).exitCode).toBe(3)
    expect((await runCommand(['login'], { home })).exitCode).toBe(3)
  })

  it('says that the address of TALON_URL cannot be reached', async () => {
    const TALON_URL = `http://127.0.0.1:${await closedPort()}`
    const { exitCode, err } = await runCommand(['status'], { env: { TALON_URL } })
    expect(exitCode).toBe(1)
    expect(err).toContain(`${TALON_URL} cannot be reached: `)
    expect((await runCommand(['status'], { env: { TALON_URL: 'talon.example.org' } })).exitCode).toBe(2)
  })
})

describe('talon config', () => {
  it('shows every value and where it comes from', async () => {
    const home = newHome()
    writeFileSync(join(home, 'talon.json'), '{"agent": {"model": "a/b", "providers": [{"apiKey": "sk-secret"}]}}')
    const argv = ['config', '--json', '--host', '::1', '--set', 'server.allowedHosts=a.example,b.example']
    const { exitCode, out } = await runCommand(argv, { home, env: { TALON_PORT: '8080' } })
    expect(exitCode).toBe(0)
    const { settings, file } = JSON.parse(out)
    const shown = Object.fromEntries(settings.map((row: { key: string }) => [row.key, row]))
    expect(file).toBe(join(home, 'talon.json'))
    expect(shown['server.port']).toMatchObject({ value: 8080, source: 'env', live: false })
    expect(shown['server.host']).toMatchObject({ value: '::1', source: 'flag' })
    expect(shown['server.allowedHosts']).toMatchObject({ value: ['a.example', 'b.example'], source: 'flag' })
    expect(shown['agent.model']).toMatchObject({ value: 'a/b', source: 'file' })
    expect(shown['agent.providers']).toMatchObject({ value: '[set]', source: 'file', secret: true })
    expect(shown['log.level']).toMatchObject({ value: 'info', source: 'default' })
    expect(out).not.toContain('sk-secret')
  })

  it('shows them as a table to a person, without secrets', async () => {
    const home = newHome()
    writeFileSync(join(home, 'talon.json'), '{"agent": {"providers": [{"apiKey": "sk-secret"}]}}')
    const { out, err } = await runCommand(['config'], { home, env: { TALON_PROT: '1' } })
    expect(out).toMatch(/^server\.port {2,}19789 {2,}default$/m)
    expect(out).toMatch(/^agent\.providers {2,}\[set\] {2,}file$/m)
    expect(out).not.toContain('sk-secret')
    expect(err).toContain('TALON_PROT is no setting. Did you mean TALON_PORT?')
  })

  it('exits with 78 for a setting that cannot be used', async () => {
    const { exitCode, err } = await runCommand(['config'], { env: { TALON_PORT: 'high' } })
    expect(exitCode).toBe(78)
    expect(err).toMatch(/^TALON_PORT: .*\n$/)
  })
})

function writeRunFile(home: string, { pid, port }: { pid: number; port: number }): void {
  mkdirSync(join(home, 'run'))
  const file = { pid, bootId: 'b', version: '0.4.0', host: '127.0.0.1', port, startedAt: 1 }
  writeFileSync(join(home, 'run', 'gateway.json'), JSON.stringify(file))
}

/** A port on which nothing listens any more. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
