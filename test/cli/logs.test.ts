import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { newHome, runCommand, startCommand } from './command.ts'
import { startGatewayProcess } from './running.ts'

const patient = { timeout: 10_000 }

describe('talon logs', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await testGateway()
    gateway.app.log.info({ sessionId: 'sess_1' }, 'the first')
    gateway.app.log.warn({ sessionId: 'sess_2', said: '\u001b[2J' }, 'the second')
  })
  afterAll(() => gateway[Symbol.asyncDispose]())

  const logs = (...argv: string[]) => runCommand(['logs', ...argv], { home: gateway.home })

  it('prints the newest lines, for reading', async () => {
    const { exitCode, out, err } = await logs('-n', '2')
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(out).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO {2}the first {2}sessionId=sess_1\n/)
    expect(out).toMatch(/ WARN {2}the second {2}sessionId=sess_2 said="\\u001b\[2J"\n$/)
    expect((await logs('-n', '0')).out).toBe('')
  })

  it('leaves out what nobody asked for', async () => {
    expect((await logs('--level', 'warn')).out).toMatch(/^\S+ \S+ WARN .*the second.*\n$/)
    expect((await logs('--text', 'SESS_1')).out).toMatch(/^.*the first.*\n$/)
  })

  it('prints JSON for programs', async () => {
    const lines = (await logs('--json', '--level', 'warn')).out.trimEnd().split('\n')
    expect(lines.map(line => JSON.parse(line))).toMatchObject([
      { level: 'warn', msg: 'the second', seq: expect.any(Number) },
    ])
  })

  it('has colours on a terminal that takes them', async () => {
    const shown = async (env: Record<string, string> = {}) => {
      const command = startCommand(['logs', '-n', '1', '--level', 'warn'], { home: gateway.home, env })
      command.context.stdout.isTTY = true
      await command.exitCode
      return command.out()
    }
    expect(await shown()).toContain('\u001b[33mWARN \u001b[39m the second')
    expect(await shown({ NO_COLOR: '1' })).not.toContain('\u001b')
  })

  it('says what is wrong with an option', async () => {
    expect(await logs('--level', 'loud')).toMatchObject({ exitCode: 2, err: expect.stringContaining('trace') })
    expect(await logs('-n', '2001')).toMatchObject({ exitCode: 2, err: expect.stringContaining('0 to 2000') })
    expect(await logs('-n', '')).toMatchObject({ exitCode: 2 })
  })

  it('says that only an admin may see it', async () => {
    const token = await gateway.token('read')
    const env = { TALON_URL: gateway.url, TALON_TOKEN: token }
    expect(await runCommand(['logs'], { env })).toMatchObject({ exitCode: 1, err: expect.stringContaining('admin') })
  })
})

describe('talon logs -f', () => {
  it('goes on with what comes, until it is stopped', async () => {
    await using gateway = await testGateway()
    gateway.app.log.warn('before')
    const command = startCommand(['logs', '-f', '--level', 'warn', '--json'], { home: gateway.home })
    await command.until('"msg":"before"')
    await expect.poll(() => gateway.app.connections.count(), patient).toBe(1)
    gateway.app.log.info('too low')
    gateway.app.log.warn('while it follows')
    await command.until('"msg":"while it follows"')
    command.pressStop()
    expect(await command.exitCode).toBe(0)
    expect(command.out()).not.toContain('too low')
    expect(command.out().trimEnd().split('\n')).toHaveLength(2)
  })

  it('follows a gateway that was started anew, from its first line on', async () => {
    const home = newHome()
    const first = await testGateway({ home })
    const { port } = first
    first.app.log.warn('of the first start')
    const env = { TALON_URL: first.url, TALON_TOKEN: testToken }
    const command = startCommand(['logs', '-f', '--text', 'start'], { env })
    await command.until('of the first start')
    await expect.poll(() => first.app.connections.count(), patient).toBe(1)
    await first.stop()
    await using second = await testGateway({ home, env: { TALON_PORT: String(port) } })
    second.app.log.warn('of the second start')
    await command.until('of the second start')
    command.pressStop()
    expect(await command.exitCode).toBe(0)
    expect(command.out().match(/of the first start/g)).toHaveLength(1)
  }, 40_000)

  it('follows the next start of its data folder, whose port and token are others', async () => {
    const home = newHome()
    const first = await testGateway({ home })
    first.app.log.warn('of the first start')
    const command = startCommand(['logs', '-f', '--level', 'warn'], { home })
    await command.until('of the first start')
    await expect.poll(() => first.app.connections.count(), patient).toBe(1)
    await first.stop()
    await expect.poll(command.err, patient).toContain('the gateway is gone')
    await using second = await testGateway({ home })
    second.app.log.warn('of the second start')
    await command.until('of the second start')
    command.pressStop()
    expect(await command.exitCode).toBe(0)
    expect(command.out().match(/of the (first|second) start/g)).toHaveLength(2)
  }, 40_000)

  it('ends with the reason where the gateway lets it in no more', async () => {
    await using gateway = await testGateway()
    const token = await gateway.token('admin')
    const command = startCommand(['logs', '-f'], { home: gateway.home, env: { TALON_TOKEN: token } })
    await expect.poll(() => gateway.app.connections.count(), patient).toBe(1)
    await gateway.app.auth.revokeToken(token.split('_')[1] ?? '')
    expect(await command.exitCode).toBe(1)
    expect(command.err()).not.toBe('')
  }, 40_000)

  it('needs a gateway that runs', async () => {
    expect(await runCommand(['logs', '-f'], { home: newHome() })).toMatchObject({
      exitCode: 3,
      err: expect.stringContaining('talon start'),
    })
  })
})

describe('talon logs without a gateway', () => {
  const line = (level: number, msg: string) => JSON.stringify({ level, time: '2026-11-23T06:00:00.000Z', msg })

  it('shows the end of the file that it logged to', async () => {
    const home = newHome()
    const text = ['no line of the log', line(30, 'one'), line(40, 'two'), '{"level":40, broken', line(50, 'three'), '']
    writeFileSync(join(home, 'kept.log'), text.join('\n'))
    const env = { TALON_LOG_FILE: 'kept.log' }
    const { exitCode, out, err } = await runCommand(['logs', '--json', '--level', 'warn'], { home, env })
    expect(exitCode).toBe(0)
    expect(err).toBe(`No gateway runs on ${home}. These are the last lines of ${join(home, 'kept.log')}:\n`)
    const lines = out.trimEnd().split('\n')
    expect(lines.map(shown => JSON.parse(shown))).toMatchObject([
      { level: 'warn', msg: 'two' },
      { level: 'error', msg: 'three' },
    ])
    expect((await runCommand(['logs', '-n', '1'], { home, env })).out).toContain('ERROR three')
    expect(await runCommand(['logs', '--text', 'four'], { home, env })).toMatchObject({
      exitCode: 0,
      out: '',
      err: expect.stringMatching(/\nNone of them is a line of the log that you ask for\.\n$/),
    })
    expect((await runCommand(['logs', '--text', 'ONE'], { home, env })).out).toMatch(/^.* INFO {2}one\n$/)
  })

  it('shows what a gateway in the background wrote', async () => {
    const home = newHome()
    mkdirSync(join(home, 'logs'))
    writeFileSync(join(home, 'logs', 'talon.log'), `${line(30, 'from the background')}\n`)
    expect((await runCommand(['logs'], { home })).out).toContain('from the background')
  })

  it('says that none runs where there is no file', async () => {
    expect(await runCommand(['logs'], { home: newHome() })).toMatchObject({ exitCode: 3, out: '' })
  })
})

describe('the log of a gateway that has stopped', () => {
  const stopped = async (home: string, argv: string[]) => {
    const gateway = await startGatewayProcess(home, argv)
    gateway.child.kill('SIGTERM')
    expect(await gateway.exit).toBe(0)
    return gateway.printed()
  }

  it('is whole on standard output, a JSON object a line', async () => {
    const printed = await stopped(newHome(), [])
    const messages = printed.split('\n').flatMap(line => (line.startsWith('{') ? [JSON.parse(line).msg] : []))
    expect(messages).toContain('ready')
    expect(messages.at(-1)).toBe('stopped')
  }, 60_000)

  it('is whole in its file, and nowhere else', async () => {
    const home = newHome()
    const printed = await stopped(home, ['--set', 'log.file=logs/own.log', '--set', 'log.format=text'])
    expect(printed).not.toContain('stopped')
    const lines = readFileSync(join(home, 'logs', 'own.log'), 'utf8')
      .trimEnd()
      .split('\n')
    const messages = lines.map(line => JSON.parse(line).msg)
    expect(messages).toContain('ready')
    expect(messages.at(-1)).toBe('stopped')
  }, 60_000)

  it('is for reading where that is asked for', async () => {
    const printed = await stopped(newHome(), ['--set', 'log.format=text'])
    expect(printed).toMatch(/^\d{4}-\d\d-\d\d [\d:.]+ INFO {2}stopped$/m)
  }, 60_000)
})
