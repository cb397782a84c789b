import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { maxLines } from '../../src/server/log/ring.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { type RawSocket, rawSocket } from '../support/raw-socket.ts'
import { scriptedProvider } from '../support/scripted-provider.ts'
import { rest } from './api/rest.ts'

const follower = (gateway: TestGateway, token = testToken) => rawSocket(gateway.port, { token })

function entries(socket: RawSocket): Record<string, unknown>[] {
  return socket.frames.filter(frame => frame.type === 'logs.entry').map(frame => frame.payload)
}

const messages = (socket: RawSocket) => entries(socket).map(({ msg }) => msg)
const saying = (msg: string) => (frame: { type: string; payload: Record<string, unknown> }) =>
  frame.type === 'logs.entry' && frame.payload['msg'] === msg

describe('logs.subscribe', () => {
  test('replays what the ring has after a number, then goes live', async () => {
    await using gateway = await testGateway()
    const { log, logs } = gateway.app
    const before = logs.ring.newest()
    log.info({ sessionId: 's1' }, 'one')
    log.warn('two')
    using socket = await follower(gateway)
    const { type, payload } = await socket.ask('logs.subscribe', { after: before })
    expect({ type, payload }).toEqual({
      type: 'logs.subscribed',
      payload: { after: before, dropped: 0, bootId: gateway.app.lifecycle.bootId },
    })
    log.error('three')
    await socket.until(saying('three'))
    expect(entries(socket)).toMatchObject([
      { seq: before + 1, level: 'info', msg: 'one', sessionId: 's1', time: expect.stringMatching(/^\d{4}-/) },
      { seq: before + 2, level: 'warn', msg: 'two' },
      { seq: before + 3, level: 'error', msg: 'three' },
    ])
  })

  test('sends new lines only, if nothing is said of old ones, and those that match', async () => {
    await using gateway = await testGateway()
    const { log } = gateway.app
    using socket = await follower(gateway)
    log.error({ sessionId: 'Sess-A' }, 'before')
    await socket.ask('logs.subscribe', { level: 'warn', text: 'sess-a' })
    log.info({ sessionId: 'Sess-A' }, 'too low')
    log.error({ sessionId: 'Sess-B' }, 'of another')
    log.error({ sessionId: 'Sess-A' }, 'matches')
    await socket.until(saying('matches'))
    expect(messages(socket)).toEqual(['matches'])
  })

  test('takes the place of the one before, until logs.unsubscribe', async () => {
    await using gateway = await testGateway()
    const { log } = gateway.app
    using socket = await follower(gateway)
    using other = await follower(gateway)
    await other.ask('logs.subscribe', { level: 'info' })
    await socket.ask('logs.subscribe', { level: 'info' })
    await socket.ask('logs.subscribe', { level: 'warn' })
    log.info('for the other alone')
    log.warn('for both')
    await socket.until(saying('for both'))
    expect((await socket.ask('logs.unsubscribe')).type).toBe('logs.unsubscribed')
    log.warn('after it')
    await other.until(saying('after it'))
    await socket.ask('ping')
    expect(messages(socket)).toEqual(['for both'])
    expect(messages(other)).toEqual(['for the other alone', 'for both', 'after it'])
  })

  test('begins anew for lines of another start, whatever number they had', async () => {
    await using gateway = await testGateway()
    gateway.app.log.info('of this start')
    using socket = await follower(gateway)
    const newest = gateway.app.logs.ring.newest()
    const asked = await socket.ask('logs.subscribe', { after: newest, bootId: 'another start' })
    expect(asked.payload).toMatchObject({ after: 0, dropped: 0 })
    await socket.until(saying('of this start'))
    const tooFar = await socket.ask('logs.subscribe', { after: newest + 1_000 })
    expect(tooFar.payload).toMatchObject({ after: 0, dropped: 0 })
  })

  test('says how many lines are not kept any more', async () => {
    await using gateway = await testGateway()
    const { log, logs } = gateway.app
    const before = logs.ring.newest()
    for (let number = 0; number < maxLines + 50; number++) log.info({ number }, 'a line')
    using socket = await follower(gateway)
    const { payload } = await socket.ask('logs.subscribe', { after: before })
    expect(payload).toMatchObject({ after: before + 50, dropped: 50 })
    await socket.until(frame => frame.payload['number'] === maxLines + 49)
    expect(entries(socket).map(({ number }) => number)).toEqual(
      Array.from({ length: maxLines }, (_, index) => index + 50),
    )
  })

  test('is for admins, and so is the page of lines', async () => {
    await using gateway = await testGateway()
    const token = await gateway.token('read', 'chat', 'tools', 'metrics')
    using socket = await follower(gateway, token)
    expect((await socket.ask('logs.subscribe')).payload).toMatchObject({ code: 'FORBIDDEN' })
    gateway.app.log.error('not for everybody')
    await socket.ask('ping')
    expect(entries(socket)).toEqual([])
    expect((await rest(gateway, 'GET', '/api/v1/logs', { token })).status).toBe(403)
    expect((await rest(gateway, 'GET', '/api/v1/logs', { token: '' })).status).toBe(401)
  })

  test('makes no line by sending one, at any level', async () => {
    await using gateway = await testGateway({ env: { TALON_LOG_LEVEL: 'trace' } })
    const { log, logs } = gateway.app
    using socket = await follower(gateway)
    await socket.ask('logs.subscribe', { level: 'trace' })
    const before = logs.ring.newest()
    log.trace('the only one')
    await socket.until(saying('the only one'))
    for (let turn = 0; turn < 50; turn++) await nextTurn()
    expect(logs.ring.newest()).toBe(before + 1)
    // One for the question and its answer, which comes to rest as well.
    await socket.ask('ping')
    for (let turn = 0; turn < 50; turn++) await nextTurn()
    expect(logs.ring.newest()).toBe(before + 2)
  })
})

test('a reader that is too slow for the log is told how many lines it missed, and nobody waits for it', async () => {
  await using gateway = await testGateway()
  const { log, logs } = gateway.app
  using slow = await follower(gateway)
  using calm = await follower(gateway)
  const { payload } = await slow.ask('logs.subscribe')
  slow.ws.pause()
  const total = 4_000
  const text = 'x '.repeat(4_500)
  for (let number = 1; number <= total; number++) {
    log.info({ number, text }, 'a long line')
    if (number % 50 === 0) await calm.ask('ping')
  }
  slow.ws.resume()
  await slow.until(frame => frame.payload['number'] === total)
  const got = slow.frames.filter(frame => frame.type === 'logs.entry' || frame.type === 'logs.dropped')
  let at = Number(payload['after'])
  for (const { type, payload } of got) {
    at += type === 'logs.dropped' ? Number(payload['count']) : 1
    if (type === 'logs.entry') expect(payload['seq']).toBe(at)
  }
  expect(at).toBe(logs.ring.newest())
  expect(got.some(({ type }) => type === 'logs.dropped')).toBe(true)
  expect(got.length).toBeLessThan(total)
}, 60_000)

describe('GET /api/v1/logs', () => {
  test('is a page of lines: the newest, or those after a number', async () => {
    await using gateway = await testGateway()
    const { log, logs } = gateway.app
    const before = logs.ring.newest()
    for (const msg of ['one', 'two', 'three']) log.warn(msg)
    const newest = await rest(gateway, 'GET', '/api/v1/logs?limit=2&level=warn')
    expect(newest.status).toBe(200)
    expect(newest.headers.get('content-type')).toBe('application/json')
    expect(newest.body).toMatchObject({
      entries: [{ msg: 'two' }, { msg: 'three', level: 'warn', seq: before + 3 }],
      dropped: 0,
      bootId: gateway.app.lifecycle.bootId,
    })
    const { body } = await rest(gateway, 'GET', `/api/v1/logs?after=${before}&limit=1`)
    expect(body).toMatchObject({ entries: [{ msg: 'one' }], after: before + 1 })
    const searched = await rest(gateway, 'GET', `/api/v1/logs?text=${encodeURIComponent('"THREE"')}`)
    expect(searched.body['entries']).toMatchObject([])
    const found = await rest(gateway, 'GET', '/api/v1/logs?text=THREE')
    expect(found.body['entries']).toMatchObject([{ msg: 'three' }])
  })

  test('refuses what it cannot read, and names it', async () => {
    await using gateway = await testGateway()
    const wrong = ['level=loud', 'limit=0', 'limit=2001', 'after=-1', 'after=x', `text=${'x'.repeat(201)}`]
    for (const query of wrong) {
      const { status, body } = await rest(gateway, 'GET', `/api/v1/logs?${query}`)
      expect({ query, status, error: body['error'] }).toEqual({
        query,
        status: 400,
        error: expect.stringContaining(`"${query.split('=')[0]}": `),
      })
    }
  })
})

describe('a line names what it belongs to', () => {
  const lines = (gateway: TestGateway) => gateway.logs.map(line => JSON.parse(line) as Record<string, unknown>)

  test('a request: its id, its connection, its token, its session and its run', async () => {
    await using gateway = await testGateway({ env: { TALON_LOG_LEVEL: 'debug' } })
    using socket = await follower(gateway)
    const created = await socket.ask('session.create', { senderId: 'ada', channel: 'test' }, { id: 'create-1' })
    const sessionId = created.payload['sessionId']
    const sent = await socket.ask('session.send_message', { sessionId, text: 'hello' }, { id: 'send-1' })
    await socket.ask('session.get', { sessionId: 'none' }, { id: 'get-1' })
    const ofRequest = (id: string) => lines(gateway).find(line => line['requestId'] === id)
    const ids = { connectionId: expect.any(String), tokenId: 'env', msg: 'request', durationMs: expect.any(Number) }
    expect(ofRequest('create-1')).toMatchObject({ ...ids, type: 'session.create' })
    expect(ofRequest('send-1')).toMatchObject({ ...ids, sessionId, runId: sent.payload['runId'] })
    expect(ofRequest('get-1')).toMatchObject({ ...ids, sessionId: 'none', code: 'SESSION_NOT_FOUND' })
    const answer = await gateway.fetch('/api/v1/sessions')
    const overHttp = ofRequest(answer.headers.get('x-request-id') ?? '')
    expect(overHttp).toMatchObject({ method: 'GET', path: '/api/v1/sessions', status: 200, tokenId: 'env' })
  })

  test('a run and its tools: session, run, tool and its run', async () => {
    await using gateway = await testGateway({ env: { TALON_LOG_LEVEL: 'debug' } })
    using socket = await follower(gateway)
    const created = await socket.ask('session.create', { senderId: 'ada', channel: 'test' })
    const { sessionId } = created.payload
    const sent = await socket.ask('session.send_message', { sessionId, text: '/tool file_list {"path":"."}' })
    const { runId } = sent.payload
    await socket.until(frame => frame.type === 'run.finished' && frame.payload['runId'] === runId)
    const own = await socket.ask(
      'tools.invoke',
      { toolName: 'file_list', args: { path: '.' }, sessionId },
      { id: 'invoke-1' },
    )
    const ran = lines(gateway).filter(line => line['msg'] === 'A tool ran')
    expect(ran).toMatchObject([
      { tool: 'file_list', invocationId: expect.any(String), sessionId, runId },
      { tool: 'file_list', invocationId: own.payload['invocationId'], sessionId, requestId: 'invoke-1' },
    ])
  })

  test('a failure of a provider: session and run', async () => {
    const provider = await scriptedProvider([{ status: 400, body: '{"error":{"message":"no such model"}}' }])
    const providers = [
      { name: 'acme', kind: 'openai-compatible', baseUrl: provider.url, apiKey: 'k'.repeat(12), models: ['m'] },
    ]
    await using gateway = await testGateway({ env: { TALON_AGENT_PROVIDERS: JSON.stringify(providers) } })
    using socket = await follower(gateway)
    const created = await socket.ask('session.create', { senderId: 'ada', channel: 'test' })
    const { sessionId } = created.payload
    const sent = await socket.ask('session.send_message', { sessionId, text: 'hello' })
    await socket.until(frame => frame.type === 'run.finished')
    await provider.close()
    const failed = lines(gateway).find(line => line['msg'] === 'a provider failed')
    expect(failed).toMatchObject({ level: 40, provider: 'acme', sessionId, runId: sent.payload['runId'] })
  })
})
