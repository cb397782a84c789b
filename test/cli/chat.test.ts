import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Message } from '../../src/protocol/shapes.ts'
import { type ScriptedGateway, scriptedGateway } from '../support/scripted-gateway.ts'
import { type CommandOptions, newHome, runCommand, type Started, startCommand } from './command.ts'
import { accept, enter, entry, finishRun, resumed, runId, say, session, sessionId } from './conversation.ts'

let gateway: ScriptedGateway
beforeEach(async () => {
  gateway = await scriptedGateway()
})
afterEach(() => gateway.close())

function chat(argv: string[], options: CommandOptions = {}): Started {
  return startCommand(['chat', ...argv], {
    env: { TALON_URL: gateway.url, TALON_TOKEN: 'tln_a_b', USER: 'ada' },
    ...options,
  })
}

describe('talon chat with a message', () => {
  it('makes a session, streams the answer, and tells how to go on', async () => {
    const command = chat(['-m', 'Hello'])
    const connection = await gateway.connection()
    expect((await connection.welcome()).token).toBe('tln_a_b')
    const create = await connection.expect('session.create')
    expect(create.payload).toEqual({ senderId: 'ada', channel: 'cli' })
    const created = { sessionId, senderId: 'ada', channel: 'cli', title: null, createdAt: 1 }
    connection.send('session.created', created, { replyTo: create.id })
    const get = await connection.expect('session.get')
    connection.send('session.get', { session }, { replyTo: get.id })
    const subscribe = await connection.expect('session.subscribe')
    connection.send('session.resumed', resumed, { replyTo: subscribe.id })
    expect(await accept(connection)).toBe('Hello')
    connection.send('session.message.delta', { sessionId, runId, delta: 'Good', index: 0 })
    await command.until('Good')
    connection.send('session.message.delta', { sessionId, runId, delta: ' day', index: 1 })
    entry(connection, 3, { role: 'user', content: 'Hello' })
    say(connection, 4, 'Good day')
    expect(await command.exitCode).toBe(0)
    expect(command.out()).toBe('Good day\n')
    expect(command.err()).toContain(`talon chat ${sessionId}\n`)
  })

  it('takes the message from a pipe and gives the answer as JSON', async () => {
    const command = chat([sessionId, '--json'], { stdin: 'line 1\nline 2\n' })
    const connection = await gateway.connection()
    await enter(connection)
    expect(await accept(connection)).toBe('line 1\nline 2')
    entry(connection, 3, { role: 'user', content: 'line 1\nline 2' })
    connection.send('session.message.delta', { sessionId, runId, delta: 'Go', index: 0 })
    say(connection, 4, 'Good day')
    expect(await command.exitCode).toBe(0)
    expect(JSON.parse(command.out())).toEqual({
      sessionId,
      runId,
      state: 'done',
      content: 'Good day',
      model: 'offline',
    })
  })

  it('exits with 1 and the reason when the run fails', async () => {
    const command = chat([sessionId, '-m', 'Hello'])
    const connection = await gateway.connection()
    await enter(connection)
    await accept(connection)
    finishRun(connection, 'failed', 'The provider is not there.')
    expect(await command.exitCode).toBe(1)
    expect(command.err()).toContain('[failed: The provider is not there.]\n')
  })

  it('cancels the run at the first Ctrl-C', async () => {
    const command = chat([sessionId, '-m', 'Hello'])
    const connection = await gateway.connection()
    await enter(connection)
    await accept(connection)
    connection.send('session.message.delta', { sessionId, runId, delta: 'Go', index: 0 })
    await command.until('Go')
    command.pressStop()
    const cancel = await connection.expect('session.cancel')
    connection.send('session.cancelled', { sessionId, runId }, { replyTo: cancel.id })
    entry(connection, 3, { role: 'user', content: 'Hello' })
    say(connection, 4, 'Go', { incomplete: true })
    finishRun(connection, 'cancelled')
    expect(await command.exitCode).toBe(130)
    expect(command.out()).toBe('Go\n')
  })

  it('leaves at the second Ctrl-C', async () => {
    const command = chat([sessionId, '-m', 'Hello'])
    const connection = await gateway.connection()
    await enter(connection)
    await accept(connection)
    command.pressStop()
    await connection.expect('session.cancel')
    command.pressStop()
    expect(await command.exitCode).toBe(130)
  })

  it('gives the whole answer although the connection is lost in the middle', async () => {
    const command = chat([sessionId, '-m', 'Hello'])
    const first = await gateway.connection()
    await enter(first)
    await accept(first)
    entry(first, 3, { role: 'user', content: 'Hello' })
    first.send('session.message.delta', { sessionId, runId, delta: 'One', index: 0 })
    await command.until('One')
    first.cut()
    const second = await gateway.connection()
    expect((await second.welcome()).resume).toEqual([{ sessionId, epoch: 1, after: 3 }])
    second.send('session.resumed', { ...resumed, seq: 4, replayed: 1 })
    say(second, 4, 'One two')
    expect(await command.exitCode).toBe(0)
    expect(command.out()).toBe('One two\n')
  })

  it('follows the gateway of its data folder to the port and the token of its next start', async () => {
    const next = await scriptedGateway()
    onTestFinished(() => next.close())
    const home = newHome()
    mkdirSync(join(home, 'run'))
    const holdAt = (url: string, token: string) => {
      const run = {
        pid: process.pid,
        version: '0.4.0',
        host: '127.0.0.1',
        port: Number(new URL(url).port),
        bootId: token,
        startedAt: 1,
      }
      writeFileSync(join(home, 'run', 'cli.token'), token)
      writeFileSync(join(home, 'run', 'gateway.json'), JSON.stringify(run))
    }
    holdAt(gateway.url, 'tln_cli_one')
    const command = startCommand(['chat', sessionId, '-m', 'Hello'], { home, env: { USER: 'ada' } })
    const first = await gateway.connection()
    await enter(first)
    await accept(first)
    entry(first, 3, { role: 'user', content: 'Hello' })
    holdAt(next.url, 'tln_cli_two')
    first.cut()
    const second = await next.connection()
    expect((await second.welcome())['token']).toBe('tln_cli_two')
    second.send('session.resumed', { ...resumed, seq: 4, replayed: 1 })
    say(second, 4, 'One two')
    expect(await command.exitCode).toBe(0)
  })

  it('does not wait for a run that ended without a word while the connection was lost', async () => {
    const command = chat([sessionId, '-m', 'Hello'])
    const first = await gateway.connection()
    await enter(first)
    await accept(first)
    entry(first, 3, { role: 'user', content: 'Hello' })
    entry(first, 4, { role: 'assistant', content: 'Let me look.', runId })
    await command.until('Let me look.\n')
    first.cut()
    const second = await gateway.connection()
    await second.welcome()
    second.send('session.resumed', { ...resumed, seq: 4 })
    expect(await command.exitCode).toBe(1)
  })

  it('says what the gateway says of a session that is not there, and of a token that is wrong', async () => {
    const command = chat(['nowhere', '-m', 'Hello'])
    const connection = await gateway.connection()
    await connection.welcome()
    const get = await connection.expect('session.get')
    const missing = {
      code: 'SESSION_NOT_FOUND',
      status: 404,
      error: 'There is no session "nowhere".',
      retryable: false,
    }
    connection.send('session.error', { ...missing, sessionId: 'nowhere' }, { replyTo: get.id })
    expect(await command.exitCode).toBe(1)
    expect(command.err()).toBe('There is no session "nowhere".\n')
    const refused = chat([sessionId, '-m', 'Hello'])
    const other = await gateway.connection()
    const hello = await other.expect('hello')
    const wrong = { code: 'UNAUTHENTICATED', status: 401, error: 'This token is not valid.', retryable: false }
    other.send('error', wrong, { replyTo: hello.id })
    expect(await refused.exitCode).toBe(1)
    expect(refused.err()).toBe('This token is not valid.\n')
  })

  it('refuses a message that no frame can hold', async () => {
    const { exitCode, err } = await runCommand(['chat'], { stdin: 'x'.repeat(1_000_000) })
    expect(exitCode).toBe(1)
    expect(err).toContain('900000 bytes at most')
  })
})

describe('talon chat on a terminal', () => {
  const history: Message[] = [
    { id: 'm1', seq: 1, role: 'user', content: 'Are you there?', timestamp: 1 },
    { id: 'm2', seq: 2, role: 'assistant', content: 'I am.', timestamp: 1 },
  ]

  it('shows what was said, sends what is typed, and shows the answer with its tools', async () => {
    const command = chat([sessionId], { stdin: 'terminal' })
    const connection = await gateway.connection()
    await enter(connection, history)
    await command.until('> Are you there?\nI am.\n')
    await command.until('> ')
    command.type('Read a.txt\r')
    expect(await accept(connection)).toBe('Read a.txt')
    entry(connection, 3, { role: 'user', content: 'Read a.txt' })
    connection.send('run.started', { sessionId, runId, state: 'running' })
    const call = { sessionId, runId, callId: 'c', toolName: 'file_read' }
    connection.send('tool.call', { ...call, args: { path: 'a.txt' } })
    connection.send('tool.result', { ...call, success: true, output: 'x', durationMs: 3 })
    say(connection, 4, 'It says x.')
    finishRun(connection, 'done')
    await command.until('[tool file_read {"path":"a.txt"}: done in 3 ms]\nIt says x.\n')
    await command.until('> ')
    command.type('\u0004')
    expect(await command.exitCode).toBe(0)
    expect(command.out()).not.toContain('ada')
  })

  it('shows what others say in the same session', async () => {
    const command = chat([sessionId], { stdin: 'terminal' })
    const connection = await gateway.connection()
    await enter(connection, history)
    await command.until('I am.\n')
    entry(connection, 3, { role: 'user', content: 'Me too', senderName: 'Grace' })
    await command.until('Grace> Me too\n')
    command.type('/exit\r')
    expect(await command.exitCode).toBe(0)
  })

  it('stops an answer at Ctrl-C and leaves at the second', async () => {
    const command = chat([sessionId], { stdin: 'terminal' })
    const connection = await gateway.connection()
    await enter(connection, history)
    await command.until('I am.\n')
    command.type('Count\r')
    await accept(connection)
    connection.send('run.started', { sessionId, runId, state: 'running' })
    connection.send('session.message.delta', { sessionId, runId, delta: 'one', index: 0 })
    await command.until('one')
    command.type('\u0003')
    const cancel = await connection.expect('session.cancel')
    connection.send('session.cancelled', { sessionId, runId }, { replyTo: cancel.id })
    await command.until('[stopping; Ctrl-C once more to leave]')
    command.type('\u0003')
    expect(await command.exitCode).toBe(130)
  })

  it('warns before it leaves an idle conversation at Ctrl-C', async () => {
    const command = chat([sessionId], { stdin: 'terminal' })
    await enter(await gateway.connection(), history)
    await command.until('I am.\n')
    command.type('\u0003')
    await command.until('[Ctrl-C once more, or Ctrl-D, to leave]')
    command.type('\u0003')
    expect(await command.exitCode).toBe(130)
  })

  it('tells that the connection was lost and is back', async () => {
    const command = chat([sessionId], { stdin: 'terminal' })
    const connection = await gateway.connection()
    await enter(connection, history)
    await command.until('I am.\n')
    connection.cut()
    await command.until('[connection lost; trying again]')
    await (await gateway.connection()).welcome()
    await command.until('[connected again]')
    command.type('\u0004')
    expect(await command.exitCode).toBe(0)
  })

  it('refuses --json, which needs a message', async () => {
    const { exitCode, err } = await runCommand(['chat', '--json'], { stdin: 'terminal' })
    expect(exitCode).toBe(2)
    expect(err).toContain('--json needs a message')
  })
})
