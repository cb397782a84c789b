import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Client, connect, type SessionEvent } from '../../src/client/index.ts'
import {
  endedProgram,
  type Installed,
  installProgram,
  openDatabase,
  type Program,
  type ProgramOptions,
  programToken,
  startProgram,
} from '../support/program.ts'

let installed: Installed
beforeAll(() => {
  installed = installProgram()
}, 120_000)
afterAll(() => installed.remove())

describe('after kill -9', () => {
  test('P4: the run that was answering is interrupted within 5 s with its text, and what waited behind it runs', async () => {
    const home = newHome()
    const first = await start({ home })
    const client = newClient(first)
    const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
    const events: SessionEvent[] = []
    const slow = await client.request('session.send_message', { sessionId, text: '/slow 200' })
    const queued = await client.request('session.send_message', { sessionId, text: 'and then?' })
    const third = await client.request('session.send_message', { sessionId, text: 'and last?' })
    const partial = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    let written = ''
    client.subscribe(sessionId, { epoch: 1, after: 0 }, event => {
      events.push(event)
      if (event.type === 'session.message.snapshot') written = event.payload.text
      if (event.type === 'session.message.delta') written += event.payload.delta
      // Three seconds of text, so that a store that saves it less often than each second would be found out.
      if (written.includes('word60 ')) partial.resolve()
      if (event.type === 'session.message.final' && event.payload.runId === third.runId) answered.resolve()
    })
    await partial.promise
    await first.kill9()
    const killedAt = performance.now()
    const second = await start({ home, port: first.port })
    await answered.promise
    expect(performance.now() - killedAt).toBeLessThan(5_000)

    const { messages } = await client.request('session.history', { sessionId })
    expect(messages.map(({ seq, role, runId, incomplete }) => ({ seq, role, runId, incomplete }))).toEqual([
      { seq: 1, role: 'user', runId: slow.runId, incomplete: undefined },
      { seq: 2, role: 'user', runId: queued.runId, incomplete: undefined },
      { seq: 3, role: 'user', runId: third.runId, incomplete: undefined },
      { seq: 4, role: 'assistant', runId: slow.runId, incomplete: true },
      { seq: 5, role: 'assistant', runId: queued.runId, incomplete: undefined },
      { seq: 6, role: 'assistant', runId: third.runId, incomplete: undefined },
    ])
    const kept = messages[3]?.content ?? ''
    expect(kept).toMatch(/^word1 word2 /)
    // At most a second of text is lost: twenty words at 50 ms each.
    expect(kept.trim().split(' ').length).toBeGreaterThanOrEqual(40)
    expect(messages[4]?.content).toBe('offline: and then?')
    // The client that was connected before went on by itself, without gap or duplicate.
    expect(events.filter(event => 'seq' in event).map(event => 'seq' in event && event.seq)).toEqual([1, 2, 3, 4, 5, 6])
    expect(events.filter(event => event.type === 'reset')).toEqual([])
    client.close()
    await second.stop()
    const database = openDatabase(home)
    const states = database
      .prepare('SELECT state, finished_at IS NOT NULL AS ended FROM runs ORDER BY message_seq')
      .all()
    database.close()
    expect(states).toEqual([
      { state: 'interrupted', ended: 1 },
      { state: 'done', ended: 1 },
      { state: 'done', ended: 1 },
    ])
  })

  test('P2: a request that was answered before is answered the same again, and does nothing', async () => {
    const home = newHome()
    const first = await start({ home })
    const client = newClient(first)
    const created = await client.request('session.create', { senderId: 'ada', channel: 'test' }, { id: 'create-1' })
    const { sessionId } = created
    const message = { sessionId, text: 'once' }
    const accepted = await client.request('session.send_message', message, { id: 'send-1' })
    const args = { path: 'once.txt', content: 'x' }
    const invoked = await client.request('tools.invoke', { toolName: 'file_write', args }, { id: 'tool-1' })
    expect(invoked.success).toBe(true)
    await first.kill9()
    const second = await start({ home, port: first.port })
    expect(await client.request('session.send_message', message, { id: 'send-1' })).toEqual({
      ...accepted,
      duplicate: true,
    })
    expect(
      await client.request('session.create', { senderId: 'ada', channel: 'test' }, { id: 'create-1' }),
    ).toMatchObject({ ...created, duplicate: true })
    expect(await client.request('tools.invoke', { toolName: 'file_write', args }, { id: 'tool-1' })).toMatchObject({
      ...invoked,
      duplicate: true,
    })
    await expect(
      client.request('session.send_message', { sessionId, text: 'twice' }, { id: 'send-1' }),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
    const { messages } = await client.request('session.history', { sessionId })
    expect(messages.filter(({ role }) => role === 'user')).toHaveLength(1)
    client.close()
    await second.stop()
  })
})

describe('a start that cannot be', () => {
  test('a second gateway on the same data folder ends with 1 and names the process that has it', async () => {
    const home = newHome()
    const first = await start({ home })
    const second = await endedProgram(installed, { home })
    expect(second).toMatchObject({ code: 1, out: '' })
    expect(second.err).toContain(`Process ${first.pid} already uses ${home}`)
    expect(second.err).toContain('talon stop')
    expect(second.err).not.toContain('    at ')
    // The first one never noticed.
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200)
    expect((await first.stop()).code).toBe(0)
  })

  test('a port that is in use is named with the next one that is free', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    onTestFinished(() => void taken.close())
    const address = taken.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const { code, out, err } = await endedProgram(installed, { home: newHome(), port })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    const [, named = ''] =
      /^Port \d+ on 127\.0\.0\.1 is in use\. Port (\d+) is free: talon start --port \1\n$/.exec(err) ?? []
    expect(err).toContain(`Port ${port} on`)
    expect(Number(named)).toBeGreaterThan(port)
    const probe = createServer().listen(Number(named), '127.0.0.1')
    await once(probe, 'listening')
    probe.close()
  })

  test('a data folder that cannot be made or written is named with the reason', async () => {
    const folder = newHome()
    const file = join(folder, 'file')
    writeFileSync(file, 'not a folder')
    const { code, out, err } = await endedProgram(installed, { home: join(file, 'home') })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^The data folder .*\/file\/home cannot be written: .*ENOTDIR.*TALON_HOME or --home\.\n$/)
    if (process.getuid?.() === 0) return // Root may write everywhere.
    const locked = join(folder, 'locked')
    mkdirSync(locked)
    chmodSync(locked, 0o500)
    expect((await endedProgram(installed, { home: locked })).err).toContain(
      `The data folder ${locked} cannot be written`,
    )
  })

  test.each([
    ['no JSON', '{"server": ', 'talon.json is not valid JSON'],
    ['an unknown section', '{"sever": {}}', 'unknown section "sever". Did you mean "server"?'],
    ['an unknown key', '{"server": {"prt": 1}}', 'unknown key "server.prt". Did you mean "server.port"?'],
    ['a value out of range', '{"agent": {"maxRuns": 0}}', /talon\.json: agent\.maxRuns: .*>=1.* \(got 0\)\./],
    [
      'a provider without an address',
      '{"agent": {"providers": [{"kind": "openai-compatible", "name": "x", "models": ["m"]}]}}',
      /talon\.json: agent\.providers\.0\.baseUrl: /,
    ],
  ])('%s in talon.json ends with 78 and names file, key and reason', async (_what, text, reason) => {
    const home = newHome()
    writeFileSync(join(home, 'talon.json'), text)
    const { code, out, err } = await endedProgram(installed, { home })
    expect({ code, out }).toEqual({ code: 78, out: '' })
    expect(err).toMatch(reason)
    expect(err).toContain(join(home, 'talon.json'))
    expect(err.split('\n')).toHaveLength(2)
  })
})

describe('SIGTERM', () => {
  test('P8: a run that works may end, then everything closes with 1012 and the exit code is 0', async () => {
    const home = newHome()
    const program = await start({ home })
    const client = newClient(program)
    const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
    const begun = Promise.withResolvers<void>()
    const final = Promise.withResolvers<string>()
    client.subscribe(sessionId, { after: 0 }, event => {
      if (event.type === 'session.message.delta') begun.resolve()
      if (event.type === 'session.message.final') final.resolve(event.payload.message.content)
    })
    const raw = new WebSocket(`${program.url.replace('http', 'ws')}/ws`)
    const closed = once(raw, 'close')
    const draining = new Promise<number>(resolve =>
      client.on('gateway.draining', ({ restartExpectedMs }) => resolve(restartExpectedMs)),
    )
    await client.request('session.send_message', { sessionId, text: '/slow 30' })
    await begun.promise
    const stoppedAt = performance.now()
    const ending = program.stop()
    expect(await draining).toBeGreaterThan(0)
    const readiness = await fetch(`${program.url}/readyz`)
    expect([readiness.status, await readiness.json()]).toEqual([
      503,
      { status: 'unavailable', reasons: ['The gateway is shutting down.'] },
    ])
    await expect(client.request('session.send_message', { sessionId, text: 'too late' })).rejects.toMatchObject({
      code: 'DRAINING',
      retryable: true,
    })
    expect(await final.promise).toMatch(/^word1 .* word30$/)
    const [event] = await closed
    expect(event).toMatchObject({ code: 1012 })
    const { code, err } = await ending
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(performance.now() - stoppedAt).toBeLessThan(10_000)
    client.close()
  })

  test('P8: a run that would take longer is interrupted within 10 s and keeps its text; what waited runs at the next start', async () => {
    const home = newHome()
    const program = await start({ home })
    const client = newClient(program)
    const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
    const begun = Promise.withResolvers<void>()
    client.subscribe(sessionId, {}, event => event.type === 'session.message.delta' && begun.resolve())
    await client.request('session.send_message', { sessionId, text: '/slow 1000' })
    await client.request('session.send_message', { sessionId, text: 'next' })
    await begun.promise
    const stoppedAt = performance.now()
    expect(await program.stop()).toMatchObject({ code: 0, err: '' })
    expect(performance.now() - stoppedAt).toBeLessThan(10_500)
    client.close()
    const again = await start({ home })
    const second = newClient(again)
    const answered = Promise.withResolvers<void>()
    second.subscribe(sessionId, { after: 0 }, event => {
      if (event.type === 'session.message.final' && event.payload.message.content === 'offline: next')
        answered.resolve()
    })
    await answered.promise
    const { messages } = await second.request('session.history', { sessionId })
    expect(messages.map(({ role, incomplete }) => [role, incomplete ?? false])).toEqual([
      ['user', false],
      ['user', false],
      ['assistant', true],
      ['assistant', false],
    ])
    second.close()
    await again.stop()
  }, 40_000)

  test('P8: a second signal ends it at once', async () => {
    const program = await start({ home: newHome() })
    const client = newClient(program)
    const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
    const draining = new Promise(resolve => client.on('gateway.draining', resolve))
    await client.request('session.send_message', { sessionId, text: '/slow 1000' })
    const ending = program.stop()
    await draining
    // Signals closer together than this are echoes of one press of a key.
    await new Promise(resolve => setTimeout(resolve, 150))
    const secondAt = performance.now()
    program.child.kill('SIGTERM')
    expect((await ending).code).toBe(1)
    expect(performance.now() - secondAt).toBeLessThan(1_500)
    client.close()
  })
})

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'talon-restart-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return home
}

async function start(options: ProgramOptions): Promise<Program> {
  const program = await startProgram(installed, options)
  onTestFinished(() => void program.kill9())
  return program
}

function newClient({ url }: Program): Client {
  const client = connect({ url, token: programToken, backoffBaseMs: 20, backoffCapMs: 200 })
  onTestFinished(() => client.close())
  return client
}
