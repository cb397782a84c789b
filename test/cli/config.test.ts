import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { testGateway } from '../support/gateway.ts'
import { newHome, runCommand } from './command.ts'
import { startGatewayProcess } from './running.ts'

const fileOf = (home: string) => join(home, 'talon.json')
const written = (home: string) => JSON.parse(readFileSync(fileOf(home), 'utf8'))

describe('without a gateway', () => {
  it('set writes the file for its owner alone, and unset takes out of it', async () => {
    const home = newHome()
    const set = await runCommand(['config', 'set', 'log.level=debug', 'agent.fallback=a,b', 'agent.retries=0'], {
      home,
    })
    const out = `Changed log.level, agent.fallback, agent.retries in ${fileOf(home)}, for the next start.\n`
    expect(set).toEqual({ exitCode: 0, out, err: '' })
    expect(written(home)).toEqual({ log: { level: 'debug' }, agent: { fallback: ['a', 'b'], retries: 0 } })
    expect(statSync(fileOf(home)).mode & 0o777).toBe(0o600)
    expect((await runCommand(['config', 'get', 'agent.fallback'], { home })).out).toBe('["a","b"]\n')
    expect((await runCommand(['config', 'unset', 'agent.fallback', 'agent.retries'], { home })).exitCode).toBe(0)
    expect(written(home)).toEqual({ log: { level: 'debug' } })
    const copy = readFileSync(join(home, 'talon.json.last-good'), 'utf8')
    expect(copy).toContain('fallback')
    // What no gateway has started with takes no place of one that it has.
    expect((await runCommand(['config', 'set', 'log.level=warn'], { home })).exitCode).toBe(0)
    expect((await runCommand(['config', 'set', 'log.level=debug'], { home })).exitCode).toBe(0)
    expect(readFileSync(join(home, 'talon.json.last-good'), 'utf8')).toBe(copy)
    expect((await runCommand(['config', 'unset', 'agent.retries'], { home })).out).toBe('Nothing was changed.\n')
  })

  it('set takes key and value as two words, too', async () => {
    const home = newHome()
    expect((await runCommand(['config', 'set', 'agent.model', 'openai/a=b'], { home })).exitCode).toBe(0)
    expect(written(home)).toEqual({ agent: { model: 'openai/a=b' } })
  })

  it('set says that a variable of this environment wins', async () => {
    const { exitCode, err } = await runCommand(['config', 'set', 'server.port=8080'], { env: { TALON_PORT: '9090' } })
    expect(exitCode).toBe(0)
    expect(err).toBe('TALON_PORT is set here and wins over the file.\n')
  })

  it.each([
    [['set', 'log.levle=debug'], 2, 'There is no setting "log.levle". Did you mean "log.level"?'],
    [['unset', 'log.levle'], 2, 'Did you mean "log.level"?'],
    [['get', 'log.levle'], 2, 'Did you mean "log.level"?'],
    [['set', 'log.level'], 2, '"log.level": it is written key=value'],
    [['set', 'log.level=debug', '--confirm-within', 'soon'], 2, 'a whole number of seconds'],
    [['set', 'limits.authFailures=0'], 78, 'limits.authFailures: '],
    [['set', 'log.level=debug', 'retention.maxAgeDays=0'], 78, 'retention.maxAgeDays: must be at least 1'],
    [['set', 'server.host=0.0.0.0', 'auth.mode=none'], 78, 'auth.mode "none" works on a loopback address only'],
    [['set', 'tools.workspace=/'], 78, 'tools.workspace: / holds the data folder'],
    [['set', 'agent.providers=[{"name":"a"}]'], 78, 'agent.providers.0.kind'],
    [['set', 'log.file=gateway.db'], 78, 'log.file: '],
    [['set', 'log.level=debug', '--confirm-within', '60'], 1, 'needs a gateway that runs'],
    [['confirm'], 3, 'No gateway runs'],
  ])('%j is refused with exit code %s and changes nothing', async (argv, exitCode, reason) => {
    const home = newHome()
    const refused = await runCommand(['config', ...argv], { home })
    expect({ exitCode: refused.exitCode, out: refused.out }).toEqual({ exitCode, out: '' })
    expect(refused.err).toContain(reason)
    expect(existsSync(fileOf(home))).toBe(false)
  })
})

describe('with a gateway', () => {
  it('its settings are shown and changed', async () => {
    await using gateway = await testGateway()
    const { home } = gateway
    const set = await runCommand(['config', 'set', 'agent.retries=7', 'server.host=localhost'], { home })
    const message = 'Changed server.host, agent.retries. A restart is needed for server.host.\n'
    expect(set).toEqual({ exitCode: 0, out: message, err: '' })
    expect(gateway.app.config['agent.retries']).toBe(7)
    const list = await runCommand(['config'], { home })
    expect(list.out).toMatch(/^server\.port {2,}0 {2,}env$/m)
    expect(list.out).toMatch(/^agent\.retries {2,}7 {2,}file$/m)
    expect(list.err).toContain('In effect after a restart: server.host.')
    expect((await runCommand(['config', 'list'], { home })).out).toBe(list.out)
    const got = JSON.parse((await runCommand(['config', 'get', 'agent.retries', '--json'], { home })).out)
    expect(got).toMatchObject({ key: 'agent.retries', value: 7, source: 'file', live: true })
    await runCommand(['config', 'unset', 'agent.retries', 'server.host'], { home })
    expect(written(home)).toEqual({})
    const fixed = await runCommand(['config', 'set', 'server.port=1'], { home })
    expect(fixed).toMatchObject({ exitCode: 1, err: expect.stringContaining('the environment variable TALON_PORT') })
  })

  it('a change can wait to be confirmed', async () => {
    await using gateway = await testGateway()
    const { home } = gateway
    const { out } = await runCommand(['config', 'set', 'agent.retries=7', '--confirm-within', '600'], { home })
    expect(out).toContain('unless it is confirmed')
    const confirmed = { exitCode: 0, out: 'The change is confirmed.\n', err: '' }
    expect(await runCommand(['config', 'confirm'], { home })).toEqual(confirmed)
  })
})

it('SIGHUP has the running program read the file again; a bad one changes nothing', { timeout: 120_000 }, async () => {
  const home = newHome()
  writeFileSync(fileOf(home), '{"agent": {"retries": 1}}')
  const { child, printed, exit } = await startGatewayProcess(home)
  const logged = (text: string) => expect.poll(printed, { timeout: 60_000 }).toContain(text)
  const retries = async () => (await runCommand(['config', 'get', 'agent.retries'], { home })).out
  try {
    writeFileSync(fileOf(home), '{"agent": {"retries": 5}, "server": {"host": "localhost"}}')
    child.kill('SIGHUP')
    await logged('Changed server.host, agent.retries. A restart is needed for server.host.')
    expect(await retries()).toBe('5\n')
    writeFileSync(fileOf(home), '{"agent": {"retries": -5}}')
    child.kill('SIGHUP')
    await logged('talon.json cannot be used, so no setting was changed')
    expect(printed()).toContain('agent.retries: Too small')
    expect(await retries()).toBe('5\n')
  } finally {
    child.kill('SIGTERM')
  }
  expect(await exit).toBe(0)
})
