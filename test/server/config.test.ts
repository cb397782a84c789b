import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { ServerFrame } from '../../src/protocol/envelope.ts'
import { settings } from '../../src/server/settings.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { type RawSocket, rawSocket } from '../support/raw-socket.ts'
import { rest } from './api/rest.ts'

const path = '/api/v1/config'

interface Row {
  key: string
  value: unknown
  source: string
  secret: boolean
  restartRequired: boolean
}

let shared: TestGateway
beforeAll(async () => {
  shared = await testGateway()
})
afterAll(() => shared[Symbol.asyncDispose]())

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'talon-config-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return home
}

const fileOf = ({ home }: { home: string }) => join(home, 'talon.json')
const written = (gateway: { home: string }) => JSON.parse(readFileSync(fileOf(gateway), 'utf8'))

async function shown(gateway: TestGateway): Promise<{ hash: string; rows: Map<string, Row> }> {
  const { body } = await rest(gateway, 'GET', path)
  const rows = body['settings'] as Row[] // What the route answers with.
  return { hash: String(body['hash']), rows: new Map(rows.map(row => [row.key, row])) }
}

async function patch(gateway: TestGateway, body: Record<string, unknown>) {
  const { hash } = await shown(gateway)
  return rest(gateway, 'PATCH', path, { body: { hash, ...body } })
}

async function update(socket: RawSocket, payload: Record<string, unknown>, changes: object = {}): Promise<ServerFrame> {
  const { payload: got } = await socket.ask('config.get')
  return socket.ask('config.update', { hash: got['hash'], ...payload }, changes)
}

describe('config.get', () => {
  test('shows every setting and where it comes from, over a socket and over HTTP alike', async () => {
    using socket = await rawSocket(shared.port, { token: testToken })
    const { payload } = await socket.ask('config.get')
    const { body, headers } = await rest(shared, 'GET', path)
    expect(body).toEqual(payload)
    expect(headers.get('etag')).toBe(`"${payload['hash']}"`)
    const { rows } = await shown(shared)
    expect([...rows.keys()]).toEqual(Object.keys(settings))
    expect(rows.get('server.port')).toMatchObject({ value: 0, source: 'env', live: false, restartRequired: false })
    expect(rows.get('agent.maxSteps')).toMatchObject({ value: 25, source: 'default', live: true })
  })

  test('never shows a secret', async () => {
    const home = newHome()
    const provider = {
      name: 'a',
      kind: 'openai-compatible',
      baseUrl: 'http://127.0.0.1:1',
      apiKey: 'sk-secret',
      models: ['b'],
    }
    writeFileSync(join(home, 'talon.json'), JSON.stringify({ agent: { providers: [provider] } }))
    await using gateway = await testGateway({ home })
    const { body } = await rest(gateway, 'GET', path)
    expect(JSON.stringify(body)).not.toContain('sk-secret')
    const { rows } = await shown(gateway)
    expect(rows.get('agent.providers')).toMatchObject({ value: '[set]', secret: true, source: 'file' })
    expect(rows.get('tracing.headers')).toMatchObject({ value: null, secret: true, source: 'default' })
  })
})

describe('config.update', () => {
  test('changes what needs no restart at once, and writes the file for its owner alone', async () => {
    const home = newHome()
    const text = '{"agent":{"maxSteps":7},"log":{"level":"warn"}}'
    writeFileSync(join(home, 'talon.json'), text)
    await using gateway = await testGateway({ home })
    using socket = await rawSocket(gateway.port, { token: testToken })
    const reply = await update(socket, { changes: { 'agent.maxSteps': 9, 'log.level': 'debug', 'agent.maxRuns': 3 } })
    const message = 'Changed agent.maxRuns, agent.maxSteps, log.level.'
    expect(reply).toMatchObject({ type: 'config.updated', payload: { restartRequired: [], message } })
    expect(gateway.app.config['agent.maxSteps']).toBe(9)
    expect(written(gateway)).toEqual({ agent: { maxSteps: 9, maxRuns: 3 }, log: { level: 'debug' } })
    expect(readFileSync(fileOf(gateway), 'utf8')).toContain('\n  "agent": {\n    "maxSteps": 9,')
    expect(statSync(fileOf(gateway)).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(home, 'talon.json.last-good'), 'utf8')).toBe(text)
    expect(statSync(join(home, 'talon.json.last-good')).mode & 0o777).toBe(0o600)
    await rest(gateway, 'GET', '/api/v1/status')
    expect(gateway.logs.some(line => line.includes('"level":20'))).toBe(true)
    expect((await shown(gateway)).hash).toBe(reply.payload['hash'])
  })

  test('names what waits for a restart, until it is taken back', async () => {
    await using gateway = await testGateway()
    const { body } = await patch(gateway, { changes: { 'server.host': 'localhost', 'agent.retries': 5 } })
    expect(body).toMatchObject({
      changed: ['server.host', 'agent.retries'],
      restartRequired: ['server.host'],
      message: 'Changed server.host, agent.retries. A restart is needed for server.host.',
    })
    expect(gateway.app.config).toMatchObject({ 'server.host': '127.0.0.1', 'agent.retries': 5 })
    expect((await shown(gateway)).rows.get('server.host')).toMatchObject({ value: 'localhost', restartRequired: true })
    expect((await patch(gateway, { reset: ['server.host'] })).body).toMatchObject({ restartRequired: [] })
    expect(written(gateway)).toEqual({ agent: { retries: 5 } })
  })

  test('takes null for the default, and for a value where the setting has it', async () => {
    await using gateway = await testGateway()
    const changes = { 'backup.everyHours': null, 'agent.retries': 4 }
    expect((await patch(gateway, { changes })).status).toBe(200)
    expect(written(gateway)).toEqual({ backup: { everyHours: null }, agent: { retries: 4 } })
    await patch(gateway, { changes: { 'agent.retries': null }, reset: ['backup.everyHours'] })
    expect(gateway.app.config).toMatchObject({ 'backup.everyHours': 24, 'agent.retries': 2 })
    expect(written(gateway)).toEqual({})
  })

  test('refuses a change that was made from an older state, and tells the new hash', async () => {
    await using gateway = await testGateway()
    const { hash } = await shown(gateway)
    const first = await rest(gateway, 'PATCH', path, {
      body: { changes: { 'agent.retries': 4 } },
      headers: { 'if-match': `"${hash}"` },
    })
    expect(first.status).toBe(200)
    const late = await rest(gateway, 'PATCH', path, { body: { hash, changes: { 'agent.retries': 5 } } })
    expect(late).toMatchObject({ status: 409, body: { code: 'CONFLICT', details: { hash: first.body['hash'] } } })
    expect(gateway.app.config['agent.retries']).toBe(4)
    const blind = await rest(gateway, 'PATCH', path, { body: { changes: { 'agent.retries': 5 } } })
    expect(blind).toMatchObject({ status: 400, body: { code: 'INVALID_MESSAGE' } })
  })

  test.each([
    ['an unknown key', { 'agent.retires': 1 }, 'There is no setting "agent.retires". Did you mean "agent.retries"?'],
    ['a limit of nothing', { 'limits.authFailures': 0 }, /^limits\.authFailures: .* \(got 0\)\.$/],
    ['a limit below nothing', { 'server.maxConnections': -1 }, /^server\.maxConnections: .* \(got -1\)\.$/],
    ['a limit that is no number', { 'limits.authFailures': 'many' }, /^limits\.authFailures: .* \(got "many"\)\.$/],
    ['a retention of 0', { 'retention.maxAgeDays': 0 }, /^retention\.maxAgeDays: must be at least 1.* \(got 0\)\.$/],
    ['a bad provider', { 'agent.providers': [{ apiKey: 'sk-secret' }] }, /agent\.providers\.0/],
    ['the data folder as workspace', { 'tools.workspace': '.' }, /^tools\.workspace: .* holds the data folder/],
    ['an open door', { 'server.host': '0.0.0.0', 'auth.mode': 'none' }, /auth\.mode "none" works on a loopback/],
    ['two of them', { 'agent.retries': -1, 'agent.maxRuns': 0 }, /agent\.retries: .* agent\.maxRuns: /],
  ])('refuses %s with key and reason, and changes nothing', async (_what, changes, reason) => {
    const before = { ...shared.app.config }
    const { status, body } = await patch(shared, { changes: { 'agent.maxSteps': 3, ...changes } })
    expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'INVALID_MESSAGE' })
    expect(body['detail']).toMatch(reason)
    expect(JSON.stringify(body)).not.toContain('sk-secret')
    expect(shared.app.config).toEqual(before)
    expect(existsSync(fileOf(shared))).toBe(false)
  })

  test('does not change what the environment or the command line sets, and says where', async () => {
    await using gateway = await testGateway({ flags: { 'agent.retries': '1' } })
    const ofEnvironment = await patch(gateway, { changes: { 'server.port': 1 } })
    expect(ofEnvironment).toMatchObject({ status: 409, body: { code: 'CONFLICT' } })
    expect(ofEnvironment.body['detail']).toContain('server.port is set by the environment variable TALON_PORT')
    expect((await patch(gateway, { reset: ['agent.retries'] })).body['detail']).toContain('--set agent.retries')
  })

  test('happens once per request id, on two connections at once and over a restart', async () => {
    const home = newHome()
    const payload = { hash: '', changes: { 'agent.retries': 7 } }
    let first: Record<string, unknown> = {}
    {
      await using gateway = await testGateway({ home })
      using one = await rawSocket(gateway.port, { token: testToken })
      using two = await rawSocket(gateway.port, { token: testToken })
      payload.hash = (await shown(gateway)).hash
      const replies = await Promise.all([one, two].map(socket => socket.ask('config.update', payload, { id: 'once' })))
      expect(replies.map(({ payload }) => payload['duplicate'] ?? false).toSorted()).toEqual([false, true])
      const [a, b] = replies.map(reply => ({ ...reply.payload, duplicate: true }))
      expect(a).toEqual(b)
      first = { ...a }
    }
    await using gateway = await testGateway({ home })
    using socket = await rawSocket(gateway.port, { token: testToken })
    expect((await socket.ask('config.update', payload, { id: 'once' })).payload).toEqual(first)
  })

  test('is told to every connection that may change settings, and to no other', async () => {
    await using gateway = await testGateway()
    using other = await rawSocket(gateway.port, { token: testToken })
    using reader = await rawSocket(gateway.port, { token: await gateway.token('read', 'chat') })
    const isNews = ({ type, payload, replyTo }: ServerFrame) =>
      type === 'config.updated' && replyTo === undefined && 'hash' in payload
    const { body } = await patch(gateway, { changes: { 'agent.retries': 4 } })
    expect((await other.until(isNews)).payload).toEqual(body)
    await reader.ask('ping')
    expect(reader.frames.some(isNews)).toBe(false)
  })

  test('sees what was changed by hand meanwhile, and does not write over it', async () => {
    await using gateway = await testGateway()
    const { hash } = await shown(gateway)
    writeFileSync(fileOf(gateway), '{"agent": {"retries": 9}}')
    const late = await rest(gateway, 'PATCH', path, { body: { hash, changes: { 'agent.maxRuns': 2 } } })
    expect(late).toMatchObject({ status: 409 })
    expect(gateway.app.config['agent.retries']).toBe(9)
    expect((await patch(gateway, { changes: { 'agent.maxRuns': 2 } })).status).toBe(200)
    expect(written(gateway)).toEqual({ agent: { retries: 9, maxRuns: 2 } })
    writeFileSync(fileOf(gateway), '{"agent": {"retries": 9')
    const broken = await patch(gateway, { changes: { 'agent.maxRuns': 3 } })
    expect(broken).toMatchObject({ status: 409 })
    expect(broken.body['detail']).toContain('talon.json was changed by hand and cannot be used')
    expect(readFileSync(fileOf(gateway), 'utf8')).toBe('{"agent": {"retries": 9')
    expect(gateway.app.config).toMatchObject({ 'agent.retries': 9, 'agent.maxRuns': 2 })
  })
})

describe('a change with confirmWithinMs', () => {
  const change = { changes: { 'agent.retries': 4 }, confirmWithinMs: 600_000 }
  const takenBack = ({ payload }: ServerFrame) => String(payload['message']).includes('was taken back')

  test('is taken back by itself if nobody confirms it', async () => {
    await using gateway = await testGateway()
    using socket = await rawSocket(gateway.port, { token: testToken })
    const { payload } = await update(socket, { ...change, confirmWithinMs: 1_000 })
    expect(payload).toMatchObject({ changed: ['agent.retries'], confirmBy: expect.any(Number) })
    expect((await socket.until(takenBack)).payload).toMatchObject({ changed: ['agent.retries'] })
    expect(gateway.app.config['agent.retries']).toBe(2)
    expect(existsSync(fileOf(gateway))).toBe(false)
    expect((await socket.ask('config.get')).payload['hash']).not.toBe(payload['hash'])
  })

  test('is confirmed over a connection that was opened after it, and not over an older one', async () => {
    await using gateway = await testGateway()
    using older = await rawSocket(gateway.port, { token: testToken })
    using asking = await rawSocket(gateway.port, { token: testToken })
    const { payload } = await update(asking, change)
    for (const socket of [asking, older]) {
      const refused = await update(socket, { changes: {} })
      expect(refused).toMatchObject({ type: 'error', payload: { code: 'CONFLICT' } })
    }
    const other = await update(older, { changes: { 'agent.maxRuns': 2 } })
    expect(other).toMatchObject({ type: 'error', payload: { code: 'CONFLICT' } })
    using fresh = await rawSocket(gateway.port, { token: testToken })
    const confirmed = await fresh.ask('config.update', { hash: payload['hash'], changes: {} })
    expect(confirmed).toMatchObject({ payload: { hash: payload['hash'], message: 'The change is confirmed.' } })
    expect((await update(older, { changes: { 'agent.maxRuns': 2 } })).type).toBe('config.updated')
    expect(written(gateway)).toEqual({ agent: { retries: 4, maxRuns: 2 } })
  })

  test('is confirmed over HTTP', async () => {
    await using gateway = await testGateway()
    expect((await patch(gateway, change)).status).toBe(200)
    expect((await patch(gateway, {})).body).toMatchObject({ message: 'The change is confirmed.' })
    expect((await patch(gateway, {})).body).toMatchObject({ message: 'Nothing was changed.' })
  })

  test('waits over a restart', async () => {
    const home = newHome()
    {
      await using gateway = await testGateway({ home })
      await patch(gateway, change)
    }
    await using gateway = await testGateway({ home })
    expect(gateway.app.config['agent.retries']).toBe(4)
    using socket = await rawSocket(gateway.port, { token: testToken })
    expect((await update(socket, {})).payload).toMatchObject({ message: 'The change is confirmed.' })
  })

  test.each([999, 600_001, 1.5])('has a time that makes sense, not %s ms', async confirmWithinMs => {
    const { status } = await patch(shared, { ...change, confirmWithinMs })
    expect(status).toBe(400)
  })
})
