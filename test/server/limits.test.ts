import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/server/config.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { type RawSocket, rawSocket } from '../support/raw-socket.ts'

const create = { senderId: 'ada', channel: 'test' }
const retryAfter = (payload: Record<string, unknown>) => Number(payload['retryAfterMs'])

async function post(gateway: TestGateway, path: string, body: object, token?: string): Promise<Response> {
  return gateway.fetch(path, { method: 'POST', body: JSON.stringify(body), ...(token !== undefined && { token }) })
}

async function sessionOf(socket: RawSocket): Promise<string> {
  const { payload } = await socket.ask('session.create', create)
  return String(payload['sessionId'])
}

/** Changes settings of a gateway that runs. */
async function configure(gateway: TestGateway, changes: Record<string, unknown>) {
  const { hash } = await (await gateway.fetch('/api/v1/config')).json()
  return gateway.fetch('/api/v1/config', { method: 'PATCH', body: JSON.stringify({ hash, changes }) })
}

describe('over a WebSocket', () => {
  test('a request too many is refused with its limit, and served after the time that the refusal tells', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_MESSAGES: '40' } })
    using socket = await rawSocket(gateway.port, { token: testToken })
    const sessionId = await sessionOf(socket)
    let refused = await socket.ask('session.update', { sessionId, title: 'x' })
    // Those that come back while others are sent are few, however slow the machine is.
    for (let sent = 0; sent < 2_000 && refused.type !== 'error'; sent += 1) {
      refused = await socket.ask('session.update', { sessionId, title: `${sent}` })
    }
    expect(refused.payload).toMatchObject({
      code: 'RATE_LIMITED',
      status: 429,
      retryable: true,
      details: { name: 'messages', limit: 40, windowMs: 60_000, remaining: 0 },
    })
    expect((await socket.ask('ping')).type).toBe('pong')
    expect((await socket.ask('session.cancel', { sessionId })).type).not.toBe('error')
    expect(retryAfter(refused.payload)).toBeLessThanOrEqual(1_500)
    await sleep(retryAfter(refused.payload))
    const again = await socket.ask('session.update', { sessionId, title: 'last' }, { id: refused.replyTo ?? '' })
    expect(again.type).not.toBe('error')
    expect(again.payload['duplicate']).toBeUndefined()
  })

  test('connections and REST of one token share a bucket, and another token has its own', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_MESSAGES: '3' } })
    using first = await rawSocket(gateway.port, { token: testToken })
    using second = await rawSocket(gateway.port, { token: testToken })
    expect((await first.ask('session.create', create)).type).not.toBe('error')
    expect((await second.ask('session.create', create)).type).not.toBe('error')
    expect((await post(gateway, '/api/v1/sessions', create)).status).toBe(201)
    expect((await post(gateway, '/api/v1/sessions', create)).status).toBe(429)
    expect((await first.ask('session.create', create)).payload['code']).toBe('RATE_LIMITED')
    expect((await second.ask('session.create', create)).payload['code']).toBe('RATE_LIMITED')
    const token = await gateway.token('chat', 'read')
    expect((await post(gateway, '/api/v1/sessions', create, token)).status).toBe(201)
    expect(gateway.app.limits.stats().refused.messages).toBe(3)
  })

  test('new sessions have a limit of their own, which costs nothing of the others when it refuses', async () => {
    await using gateway = await testGateway({
      env: { TALON_LIMITS_SESSION_CREATIONS: '2', TALON_LIMITS_MESSAGES: '100' },
    })
    using socket = await rawSocket(gateway.port, { token: testToken })
    const sessionId = await sessionOf(socket)
    expect((await socket.ask('session.fork', { sessionId, atSeq: 0 })).type).not.toBe('error')
    for (let count = 0; count < 5; count += 1) {
      const { payload } = await socket.ask('session.create', create)
      expect(payload).toMatchObject({ code: 'RATE_LIMITED', details: { name: 'sessionCreations' } })
    }
    const { payload } = await socket.ask('limits.get', {})
    expect(payload['limits']).toContainEqual(expect.objectContaining({ name: 'sessionCreations', remaining: 0 }))
    const messages = gateway.app.limits.list({ tokenId: 'env', scopes: new Set(), address: undefined })[0]
    expect(messages?.remaining).toBeGreaterThanOrEqual(98)
  })

  test('tools are counted by session, and by token where there is none', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_TOOL_EXECUTIONS: '2' } })
    using socket = await rawSocket(gateway.port, { token: testToken })
    const run = (sessionId?: string) =>
      socket.ask('tools.invoke', { toolName: 'file_list', args: {}, ...(sessionId !== undefined && { sessionId }) })
    const [one, other] = [await sessionOf(socket), await sessionOf(socket)]
    for (const sessionId of [one, other, undefined]) {
      expect((await run(sessionId)).type).toBe('tools.result')
      expect((await run(sessionId)).type).toBe('tools.result')
      const { payload } = await run(sessionId)
      expect(payload).toMatchObject({ code: 'RATE_LIMITED', details: { name: 'toolExecutions', limit: 2 } })
    }
  })

  test('a connection that goes on above its frames is closed with 4029, and others are served', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_FRAMES: '50' } })
    using hot = await rawSocket(gateway.port, { token: testToken })
    using calm = await rawSocket(gateway.port, { token: testToken })
    for (let sent = 0; sent < 2_000; sent += 1) hot.send('ping')
    const refused = await hot.until(({ type }) => type === 'error')
    expect(refused.payload).toMatchObject({ code: 'RATE_LIMITED', details: { name: 'frames' } })
    expect(refused.replyTo).toMatch(/^raw-/)
    expect((await hot.closed).code).toBe(4029)
    expect((await calm.ask('ping')).type).toBe('pong')
  })

  test("the protocol's own pings count as frames, and end a connection that goes on above them", async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_FRAMES: '50' } })
    using socket = await rawSocket(gateway.port, { token: testToken })
    let isOpen = true
    const closed = socket.closed.then(({ code }) => {
      isOpen = false
      return code
    })
    for (let sent = 0; sent < 5_000 && isOpen; sent += 1) {
      const answered = once(socket.ws, 'pong')
      socket.ws.ping()
      await Promise.race([answered, closed])
    }
    expect(await closed).toBe(4029)
  })

  test('what is no frame of a request counts as well, and names what it answers', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_FRAMES: '5' } })
    using socket = await rawSocket(gateway.port, { token: testToken })
    for (let sent = 0; sent < 10; sent += 1) socket.send('ping', {}, { version: '9.0.0', id: `wrong-${sent}` })
    const refused = await socket.until(({ payload }) => payload['code'] === 'RATE_LIMITED')
    expect(refused.payload).toMatchObject({ details: { name: 'frames', limit: 5 } })
    expect(refused.replyTo).toMatch(/^wrong-/)
  })

  test.each([
    ['that has not signed in', 100, undefined, {}],
    ['that speaks another version', 20, testToken, { version: '9.0.0' }],
  ])('a client %s is closed after %i answers', async (_who, most, token, changes) => {
    await using gateway = await testGateway()
    using socket = await rawSocket(gateway.port, token === undefined ? {} : { token })
    for (let sent = 0; sent < 200; sent += 1) socket.send('ping', {}, changes)
    expect((await socket.closed).code).toBe(4002)
    expect(socket.frames.filter(({ type }) => type === 'error').length).toBeLessThanOrEqual(most)
  })

  test('mistakes count as reads, over all connections of a token', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_READS: '12' } })
    const token = await gateway.token('read')
    using first = await rawSocket(gateway.port, { token })
    using second = await rawSocket(gateway.port, { token })
    const codes: unknown[] = []
    // Those that come back while others are sent are few, however slow the machine is.
    for (let sent = 0; sent < 2_000 && !codes.includes('RATE_LIMITED'); sent += 1) {
      for (const socket of [first, second]) codes.push((await socket.ask('session.create', create)).payload['code'])
    }
    expect(new Set(codes)).toEqual(new Set(['FORBIDDEN', 'RATE_LIMITED']))
  })

  test('a session that is called like a token takes nothing of that token', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_TOOL_EXECUTIONS: '2' } })
    using socket = await rawSocket(gateway.port, { token: testToken })
    const run = (sessionId?: string) =>
      socket.ask('tools.invoke', { toolName: 'file_list', args: {}, ...(sessionId !== undefined && { sessionId }) })
    for (let count = 0; count < 3; count += 1) expect((await run('env')).type).not.toBe('tools.result')
    expect((await run()).type).toBe('tools.result')
  })

  test('an address has so many connections, and a closed one makes room', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_CONNECTIONS_PER_ADDRESS: '2' } })
    const first = await rawSocket(gateway.port, { token: testToken })
    using _second = await rawSocket(gateway.port, { token: testToken })
    const third = await rawSocket(gateway.port).then(
      () => 'open',
      () => 'refused',
    )
    expect(third).toBe('refused')
    first[Symbol.dispose]()
    await first.closed
    await expect.poll(() => gateway.app.connections.count(), { timeout: 20_000 }).toBe(1)
    const open = () => rawSocket(gateway.port, { token: testToken }).catch(() => undefined)
    await expect.poll(open, { timeout: 20_000 }).toBeDefined()
  })
})

describe('over HTTP', () => {
  test('answers tell what remains, and a refusal when to come again', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_MESSAGES: '2' } })
    const first = await post(gateway, '/api/v1/sessions', create)
    expect(first.headers.get('ratelimit-policy')).toBe('2;w=60')
    expect(first.headers.get('ratelimit')).toMatch(/^limit=2, remaining=1, reset=\d+$/)
    expect(first.headers.get('retry-after')).toBeNull()
    await post(gateway, '/api/v1/sessions', create)
    const refused = await post(gateway, '/api/v1/sessions', create)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('content-type')).toContain('application/problem+json')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('ratelimit-policy')).toBe('2;w=60')
    expect(refused.headers.get('ratelimit')).toMatch(/^limit=2, remaining=0, reset=\d+$/)
    const body = await refused.json()
    expect(body).toMatchObject({ code: 'RATE_LIMITED', details: { name: 'messages', limit: 2, remaining: 0 } })
    expect(body.detail).toContain('limits.messages')
    const read = await gateway.fetch('/api/v1/sessions')
    expect([read.status, read.headers.get('ratelimit-policy')]).toEqual([200, '1000000;w=60'])
  })

  test('a refused change is not remembered as done', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_MESSAGES: '60' } })
    const headers = { 'Idempotency-Key': 'once' }
    const send = () =>
      gateway.fetch('/api/v1/sessions', { method: 'POST', headers, body: JSON.stringify({ ...create, title: 'one' }) })
    let refused = await post(gateway, '/api/v1/sessions', create)
    for (let sent = 0; sent < 2_000 && refused.status !== 429; sent += 1) {
      refused = await post(gateway, '/api/v1/sessions', create)
    }
    const tried = await send()
    if (tried.status === 429) await sleep(retryAfter(await tried.json()))
    const served = tried.status === 429 ? await send() : tried
    expect(served.status).toBe(201)
    expect((await served.json()).duplicate).toBeUndefined()
  })

  test('nobody without a sign-in reads for ever, while health and static files are free', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_UNAUTHENTICATED_REQUESTS: '2' } })
    const status = async (path: string) => (await gateway.fetch(path, { token: '' })).status
    expect([await status('/login'), await status('/login'), await status('/login')]).toEqual([200, 200, 429])
    expect([await status('/livez'), await status('/favicon.svg')]).toEqual([200, 200])
    expect((await gateway.fetch('/api/v1/status')).status).toBe(200)
  })

  test('an address behind a proxy counts for itself once that proxy is trusted', async () => {
    await using gateway = await testGateway({
      env: { TALON_LIMITS_UNAUTHENTICATED_REQUESTS: '1', TALON_SERVER_TRUSTED_PROXIES: '["127.0.0.0/8", "::1"]' },
    })
    const status = async (address: string) =>
      (await gateway.fetch('/login', { token: '', headers: { 'X-Forwarded-For': address } })).status
    expect([await status('203.0.113.1'), await status('203.0.113.1')]).toEqual([200, 429])
    expect(await status('203.0.113.2')).toBe(200)
    expect([await status('2001:db8::1'), await status('2001:db8::2'), await status('2001:db8:1::1')]).toEqual([
      200, 429, 200,
    ])
  })
})

describe('limits.get', () => {
  test('shows every bucket of the caller, and those of the gateway to an admin', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_MESSAGES: '' } })
    const reader = await gateway.token('read')
    const names = async (token: string) => {
      const body = await (await gateway.fetch('/api/v1/limits', { token })).json()
      return body.limits.map((row: { name: string }) => row.name)
    }
    const own = ['messages', 'sessionCreations', 'reads', 'toolExecutions']
    const ofAddress = ['unauthenticatedRequests', 'authFailures', 'connectionsPerAddress']
    expect(await names(reader)).toEqual([...own, ...ofAddress])
    expect(await names(testToken)).toEqual([...own, ...ofAddress, 'connections', 'unauthenticatedConnections'])
    using socket = await rawSocket(gateway.port, { token: testToken })
    await socket.ask('session.create', create)
    const { payload } = await socket.ask('limits.get')
    expect(payload['limits']).toContainEqual(expect.objectContaining({ name: 'frames', limit: 1_000_000_000 }))
    expect(payload['limits']).toContainEqual(expect.objectContaining({ name: 'bytes', limit: 1_000_000_000 }))
    expect(payload).toMatchObject({ enabled: true })
    const limits = payload['limits'] as { name: string; remaining: number }[] // As the schema of the reply says.
    const remaining = (name: string) => limits.find(row => row.name === name)?.remaining
    expect([remaining('messages'), remaining('connectionsPerAddress')]).toEqual([99, 999])
    await gateway.fetch('/api/v1/status', { token: `tln_nobody_${'a'.repeat(43)}` })
    const after = gateway.app.limits.list({ tokenId: 'env', scopes: new Set(), address: '127.0.0.1' })
    expect(after.find(row => row.name === 'authFailures')).toMatchObject({ limit: 20, remaining: 19 })
  })
})

describe('limits.get of an admin', () => {
  test('tells who has used more than half of a limit, by name, and what was refused', async () => {
    await using gateway = await testGateway({
      env: { TALON_LIMITS_SESSION_CREATIONS: '4', TALON_LIMITS_TOOL_EXECUTIONS: '10' },
    })
    const token = await gateway.token('read', 'chat')
    const show = async (by?: string) =>
      (await gateway.fetch('/api/v1/limits', by === undefined ? {} : { token: by })).json()
    expect((await show()).busiest).toEqual([])
    for (let made = 0; made < 4; made += 1) await post(gateway, '/api/v1/sessions', create, token)
    expect((await post(gateway, '/api/v1/sessions', create, token)).status).toBe(429)
    for (let taken = 0; taken < 6; taken += 1) gateway.app.limits.take('toolExecutions', 'session s-1')
    const { busiest, refused } = await show()
    expect(busiest).toMatchObject([
      { name: 'sessionCreations', who: 'token “test”', limit: 4, remaining: 0 },
      { name: 'toolExecutions', who: 'session s-1', key: 'session s-1', limit: 10 },
    ])
    expect(refused.sessionCreations).toBe(1)
    expect(await show(token)).not.toHaveProperty('busiest')
  })
})

describe('a limit', () => {
  test('changes while the gateway runs', async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_MESSAGES: '' } })
    expect((await configure(gateway, { 'limits.messages': 5 })).status).toBe(200)
    expect((await post(gateway, '/api/v1/sessions', create)).headers.get('ratelimit-policy')).toBe('5;w=60')
  })

  test.each([0, -1, 1.5, '100', null, true])('of %j is refused while it runs, and the old one stays', async value => {
    await using gateway = await testGateway({ env: { TALON_LIMITS_MESSAGES: '' } })
    const { hash } = await (await gateway.fetch('/api/v1/config')).json()
    const refused = gateway.app.settings.update.bind(gateway.app.settings, {
      hash,
      changes: { 'limits.messages': value },
    })
    const from = { connectionId: undefined, newId: gateway.app.newId }
    if (value === null) expect(refused(from).changed).toEqual([])
    else expect(() => refused(from)).toThrow(/limits\.messages.*whole number from 1/)
    expect(gateway.app.config['limits.messages']).toBe(100)
  })

  test.each(['0', '-3', '2.5', 'many'])('of %s is refused at the start', async value => {
    await expect(testGateway({ env: { TALON_LIMITS_MESSAGES: value } })).rejects.toThrow(ConfigError)
    await expect(testGateway({ env: { TALON_LIMITS_MESSAGES: value } })).rejects.toThrow(/TALON_LIMITS_MESSAGES/)
  })

  test('of a name that there is not is refused', async () => {
    await expect(testGateway({ env: { TALON_LIMITS_MESAGES: '5' } })).rejects.toThrow(
      'TALON_LIMITS_MESAGES is no setting. Did you mean TALON_LIMITS_MESSAGES?',
    )
    await using gateway = await testGateway()
    const refused = await configure(gateway, { 'limits.mesages': 5 })
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain('limits.mesages')
  })
})
