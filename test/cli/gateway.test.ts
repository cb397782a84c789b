import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newHome, startCommand } from './command.ts'
import { type RunningGateway, startGatewayProcess, talon } from './running.ts'

describe('with a running gateway', () => {
  const home = mkdtempSync(join(tmpdir(), 'talon-cli-'))
  let gateway: RunningGateway
  beforeAll(async () => {
    gateway = await startGatewayProcess(home)
  })
  afterAll(async () => {
    gateway.child.kill('SIGTERM')
    await gateway.exit
    rmSync(home, { recursive: true, force: true })
  })

  it('status tells how it is', async () => {
    const { exitCode, out, err } = await talon(home, ['status'])
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(out).toContain(`runs at ${gateway.url} (up `)
    const json = JSON.parse((await talon(home, ['status', '--json'])).out)
    expect(json).toMatchObject({
      running: true,
      url: gateway.url,
      status: 'ok',
      stats: { sessions: expect.any(Number) },
    })
  })

  it('login prints a link that signs in once', async () => {
    const { exitCode, out, err } = await talon(home, ['login'])
    expect(exitCode).toBe(0)
    expect(out).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/login#code=[\w-]+\n$/)
    expect(err).toMatch(/^It works once, until [\d-]+ [\d:]+\.\n$/)
    const exchange = () =>
      fetch(`${gateway.url}/api/v1/auth/exchange`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code: out.trim().split('#code=')[1] }),
      })
    expect((await exchange()).status).toBe(200)
    expect((await exchange()).status).toBe(401)
  })

  it('creates a token that works, lists it, and revokes it', async () => {
    const created = await talon(home, [
      'token',
      'create',
      '--name',
      'phone',
      '--scope',
      'read,chat',
      '--expires',
      '30d',
    ])
    expect(created).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^tln_\w+_[\w-]+\n$/) })
    const TALON_TOKEN = created.out.trim()
    const env = { TALON_TOKEN, TALON_URL: gateway.url }
    const id = TALON_TOKEN.split('_')[1] ?? ''
    expect((await talon(home, ['status'], env)).exitCode).toBe(0)
    const refused = await talon(home, ['token', 'list'], env)
    expect(refused).toMatchObject({ exitCode: 1, out: '', err: 'This needs a token with the scope "admin".\n' })
    const listed = await talon(home, ['token', 'list'])
    expect(listed.out).toMatch(new RegExp(`^${id} +phone +read,chat +.* valid until `, 'm'))
    expect(listed.out).not.toContain(TALON_TOKEN)
    expect(await talon(home, ['token', 'revoke', id])).toMatchObject({ exitCode: 0, out: '' })
    expect((await talon(home, ['status'], env)).exitCode).toBe(1)
    expect((await talon(home, ['token', 'list'])).out).toMatch(new RegExp(`^${id} .* revoked `, 'm'))
    expect(await talon(home, ['token', 'revoke', 'nobody'])).toMatchObject({ exitCode: 1, out: '' })
  })

  it('chats: the answer on standard output, the session to go on with on standard error', async () => {
    const first = await talon(home, ['chat', '-m', 'Hello there'])
    expect(first).toMatchObject({ exitCode: 0, out: 'offline: Hello there\n' })
    const sessionId = /talon chat (\S+)\n/.exec(first.err)?.[1] ?? ''
    const second = await talon(home, ['chat', sessionId, '--json', '-m', 'And again'])
    expect(JSON.parse(second.out)).toMatchObject({ sessionId, state: 'done', content: 'offline: And again' })
    expect(second.err).toBe('')
    const command = startCommand(['chat', sessionId], { home, stdin: 'terminal' })
    await command.until('> Hello there\noffline: Hello there\n> And again\noffline: And again\n')
    command.type('A third\r')
    await command.until('offline: A third\n')
    command.type('\u0004')
    expect(await command.exitCode).toBe(0)
  })

  it('stops an answer at Ctrl-C', async () => {
    const command = startCommand(['chat', '-m', '/slow 200'], { home })
    await command.until(' ')
    command.pressStop()
    expect(await command.exitCode).toBe(130)
    expect(command.err()).toContain('[cancelled')
  })

  it('does not start a second one on the same data folder', async () => {
    const { exitCode, err } = await talon(home, ['start'], { TALON_PORT: '0' })
    expect(exitCode).toBe(1)
    expect(err).not.toContain('    at ')
    expect(err).toContain(home)
  })

  it('does not start on a port that is in use', async () => {
    const { port } = new URL(gateway.url)
    const { exitCode, err } = await talon(newHome(), ['start', '--port', port])
    expect(exitCode).toBe(1)
    expect(err).toContain(`Port ${port} on 127.0.0.1 is in use.`)
  })
})

describe('talon start', () => {
  it('prints a link to sign in with, no token, no warning, and stops cleanly at SIGTERM', async () => {
    const home = newHome()
    const gateway = await startGatewayProcess(home, ['--set', 'log.level=warn'])
    gateway.child.kill('SIGTERM')
    expect(await gateway.exit).toBe(0)
    expect(gateway.printed()).toMatch(/http:\/\/127\.0\.0\.1:\d+\/login#code=[\w-]+\n/)
    expect(gateway.printed()).not.toMatch(/tln_|warning/i)
    expect((await talon(home, ['status'])).exitCode).toBe(3)
  })

  it('ends at once at a second signal', async () => {
    const home = newHome()
    const gateway = await startGatewayProcess(home)
    const busy = startCommand(['chat', '-m', '/slow 1000'], { home })
    await busy.until(' ')
    const startedAt = performance.now()
    gateway.child.kill('SIGTERM')
    await new Promise(resolve => setTimeout(resolve, 300)) // Two presses of a person; less would be an echo of the first.
    gateway.child.kill('SIGTERM')
    expect(await gateway.exit).toBe(1)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    busy.pressStop()
    busy.pressStop()
    expect(await busy.exitCode).toBe(130)
  })

  it('exits with 78 and the reason for a setting that cannot be used', async () => {
    expect(await talon(newHome(), ['start', '--port', 'high'])).toEqual({
      exitCode: 78,
      out: '',
      err: expect.stringMatching(/^--port: .*\n$/),
    })
  })
})
