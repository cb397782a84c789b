import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isRequestType, requests } from '../../src/protocol/messages.ts'
import { type Scope, scopes } from '../../src/protocol/shapes.ts'
import { createAttempts } from '../../src/server/attempts.ts'
import { createAudit } from '../../src/server/audit.ts'
import { createAuth } from '../../src/server/auth.ts'
import { ConfigError } from '../../src/server/config.ts'
import { createRegistry } from '../../src/server/connections.ts'
import { cookieName } from '../../src/server/cookies.ts'
import { openLog } from '../../src/server/log.ts'
import { startGateway } from '../../src/server/main.ts'
import { browser } from '../support/browser-cookie.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { fill, newSession, places } from '../support/log-reader.ts'
import { rawSocket } from '../support/raw-socket.ts'
import { sampleRequests } from '../support/sample-requests.ts'
import { temporaryStore } from '../support/store.ts'

const wrongToken = `tln_nobody_${'a'.repeat(43)}`
const client = { name: 'raw', version: '1' }

let shared: TestGateway
beforeAll(async () => {
  // So that the wrong tokens of these tests do not lock out each other.
  shared = await testGateway({ env: { TALON_LIMITS_AUTH_FAILURES: '1000000' } })
})
afterAll(() => shared[Symbol.asyncDispose]())

describe('signing in on a socket', () => {
  test('a header, a cookie with our Origin, or hello will do', async () => {
    const headers = { Authorization: `Bearer ${testToken}` }
    for (const options of [{ headers }, { headers: await browser(shared) }, { token: testToken }]) {
      using socket = await rawSocket(shared.port, options)
      expect((await socket.ask('gateway.status')).type).toBe('gateway.status')
    }
  })

  test.each([
    ['a token that is unknown', { token: wrongToken }],
    ['a token that is no token', { token: 'x' }],
    ['no token at all', {}],
  ])('hello with %s is told so and closed with 4004', async (_what, said) => {
    using socket = await rawSocket(shared.port)
    const reply = await socket.ask('hello', { ...said, client, versions: ['1.0.0'] })
    expect(reply).toMatchObject({ type: 'error', payload: { code: 'UNAUTHENTICATED', status: 401 } })
    expect(await socket.closed).toMatchObject({ code: 4004 })
  })

  test('a cookie that has ended upgrades, and hello says that it is not valid', async () => {
    const headers = { Cookie: `${cookieName}=gone`, Origin: shared.url }
    using socket = await rawSocket(shared.port, { headers })
    expect(await socket.ask('hello', { client, versions: ['1.0.0'] })).toMatchObject({
      payload: { code: 'UNAUTHENTICATED' },
    })
    expect(await socket.closed).toMatchObject({ code: 4004 })
  })

  test('a stranger is served nothing, and closed with 4003 when the time is up', async () => {
    await using gateway = await testGateway({ env: { TALON_PROTOCOL_HELLO_TIMEOUT_MS: '200' } })
    using socket = await rawSocket(gateway.port)
    for (const [type, { payload }] of Object.entries(sampleRequests)) {
      expect(await socket.ask(type, payload('x'))).toMatchObject({
        type: 'error',
        payload: { code: 'UNAUTHENTICATED' },
      })
    }
    expect(await socket.closed).toMatchObject({ code: 4003 })
    expect(socket.frames.filter(frame => frame.replyTo === undefined).map(frame => frame.type)).toEqual([
      'config.updated',
    ])
  })
})

describe('scopes', () => {
  const cases = Object.entries(sampleRequests).flatMap(([type, sample]) =>
    scopes.map(scope => ({ type, sample, scope })),
  )

  test('every request with a token of every scope is served or refused as the table says', async () => {
    using owner = await rawSocket(shared.port, { token: testToken })
    const sockets = new Map<Scope, Awaited<ReturnType<typeof rawSocket>>>()
    for (const scope of scopes) sockets.set(scope, await rawSocket(shared.port, { token: await shared.token(scope) }))
    for (const { type, sample, scope } of cases) {
      if (!isRequestType(type)) throw new Error(`${type} is no request.`)
      const sessionId = await newSession(owner)
      const reply = await sockets.get(scope)?.ask(type, sample.payload(sessionId))
      const needed = requests[type].scope
      const isServed = needed === null || needed === scope
      const answer = reply?.type === 'error' ? String(reply.payload['code']) : reply?.type
      const served = [requests[type].reply, ...(sample.answers ?? [])]
      expect([type, scope, answer]).toEqual([type, scope, isServed ? expect.toBeOneOf(served) : 'FORBIDDEN'])
    }
    for (const socket of sockets.values()) socket[Symbol.dispose]()
  })

  test('a refused request changes nothing and tells nothing', async () => {
    using owner = await rawSocket(shared.port, { token: testToken })
    const sessionId = await newSession(owner, { title: 'canary-title' })
    using reader = await rawSocket(shared.port, { token: await shared.token('metrics') })
    for (const [type, { payload }] of Object.entries(sampleRequests)) {
      expect(JSON.stringify(await reader.ask(type, payload(sessionId)))).not.toContain('canary-title')
    }
    expect(await owner.ask('session.get', { sessionId })).toMatchObject({
      payload: { session: { title: 'canary-title', seq: 0 } },
    })
  })

  test('resume in hello, and a message that subscribes its sender, never show more than the token may read', async () => {
    using owner = await rawSocket(shared.port, { token: testToken })
    const sessionId = await newSession(owner)
    await fill(owner, sessionId, 1)
    const resume = [{ sessionId, epoch: 1, after: 0 }]
    using writer = await rawSocket(shared.port, { token: await shared.token('admin', 'tools'), hello: { resume } })
    expect(await writer.until(frame => frame.payload['sessionId'] === sessionId)).toMatchObject({
      type: 'session.error',
      payload: { code: 'FORBIDDEN', sessionId },
    })
    await fill(owner, sessionId, 1)
    await writer.ask('ping')
    expect(places(writer, sessionId)).toEqual([])
  })

  test('a second hello does not take the place of the first', async () => {
    using socket = await rawSocket(shared.port, { token: await shared.token('read') })
    const again = await socket.ask('hello', { token: testToken, client, versions: ['1.0.0'] })
    expect(again).toMatchObject({ payload: { code: 'INVALID_MESSAGE' } })
    expect(await socket.ask('session.create', { senderId: 'a', channel: 'b' })).toMatchObject({
      payload: { code: 'FORBIDDEN' },
    })
  })

  test('nothing that a client sends sets scopes', async () => {
    const token = await shared.token('read')
    using socket = await rawSocket(shared.port, { token, hello: { scopes: ['admin', 'chat'], admin: true } })
    const welcome = socket.frames.find(frame => frame.type === 'welcome')
    expect(welcome?.payload['scopes']).toEqual(['read'])
    expect(await socket.ask('session.create', { senderId: 'a', channel: 'b', scopes: ['chat'] })).toMatchObject({
      payload: { code: 'FORBIDDEN' },
    })
  })
})

describe('the end of a sign-in', () => {
  test('revoking a token closes its sockets with 4010 within a second, and its cookie dies', async () => {
    const { id, token } = await shared.app.auth.createToken({ name: 'revoked', scopes: ['read', 'chat'] })
    const headers = await browser(shared, token)
    using byToken = await rawSocket(shared.port, { token })
    using byCookie = await rawSocket(shared.port, { headers })
    using other = await rawSocket(shared.port, { token: testToken })
    const started = performance.now()
    expect((await shared.fetch(`/api/v1/tokens/${id}`, { method: 'DELETE' })).status).toBe(204)
    expect([(await byToken.closed).code, (await byCookie.closed).code]).toEqual([4010, 4010])
    expect(performance.now() - started).toBeLessThan(1_000)
    expect((await shared.fetch('/api/v1/sessions', { token })).status).toBe(401)
    expect((await shared.fetch('/api/v1/sessions', { token: '', headers: { Cookie: headers.Cookie } })).status).toBe(
      401,
    )
    expect((await other.ask('ping')).type).toBe('pong')
  })

  test('a token that expires closes its sockets and is served no more', async () => {
    await using gateway = await testGateway({ env: { TALON_PROTOCOL_HELLO_TIMEOUT_MS: '500' } })
    const expiresAt = Date.now() + 400
    const { token } = await gateway.app.auth.createToken({ name: 'short', scopes: ['read'], expiresAt })
    const headers = await browser(gateway, token)
    using byToken = await rawSocket(gateway.port, { token })
    using byCookie = await rawSocket(gateway.port, { headers })
    expect((await byToken.ask('gateway.status')).type).toBe('gateway.status')
    expect([(await byToken.closed).code, (await byCookie.closed).code]).toEqual([4010, 4010])
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt)
    expect((await gateway.fetch('/api/v1/sessions', { token })).status).toBe(401)
  })

  test('signing out closes the sockets of that cookie alone', async () => {
    const [one, two] = [await browser(shared), await browser(shared)]
    using first = await rawSocket(shared.port, { headers: one })
    using second = await rawSocket(shared.port, { headers: two })
    const out = await shared.fetch('/api/v1/auth/logout', { token: '', method: 'POST', headers: one })
    expect([out.status, (await first.closed).code]).toEqual([204, 4010])
    expect((await second.ask('gateway.status')).type).toBe('gateway.status')
    expect((await shared.fetch('/api/v1/sessions', { token: '', headers: { Cookie: one.Cookie } })).status).toBe(401)
    expect((await shared.fetch('/api/v1/sessions', { token: '', headers: { Cookie: two.Cookie } })).status).toBe(200)
  })
})

describe('the sign-in link', () => {
  const exchange = (gateway: TestGateway, code: string) =>
    gateway.fetch('/api/v1/auth/exchange', {
      token: '',
      method: 'POST',
      headers: { Origin: gateway.url },
      body: JSON.stringify({ code }),
    })

  test('works once, however many use it at the same time', async () => {
    const code = (await shared.signInLink()).split('#code=')[1] ?? ''
    expect(code).toMatch(/^[A-Za-z0-9_-]{40,}$/)
    const answers = await Promise.all(Array.from({ length: 20 }, () => exchange(shared, code)))
    expect(answers.map(answer => answer.status).toSorted()).toEqual([200, ...Array(19).fill(401)])
    const cookies = answers.map(answer => answer.headers.get('set-cookie')).filter(cookie => cookie !== null)
    expect(cookies).toHaveLength(1)
    expect(cookies[0]).toMatch(/HttpOnly/)
    expect(cookies[0]).toMatch(/SameSite=Strict/)
  })

  test('works for ten minutes', async () => {
    const { store, dispose } = await temporaryStore()
    let now = 1_000_000
    const clock = { now: () => now, monotonic: () => now }
    const registry = createRegistry({ clock, sweepMs: 1_000, failed: () => undefined })
    const auth = createAuth({
      store,
      clock,
      attempts: createAttempts({ clock, limit: 20 }),
      audit: createAudit({
        store,
        clock,
        settings: { hash: () => '', onUpdate: () => () => undefined },
        log: openLog({ level: 'silent', write: () => undefined }),
        version: '',
        bootId: '',
      }),
      connections: () => registry,
      cookieDays: 1,
    })
    await auth.adoptEnvironment(testToken)
    const from = { channel: 'http', address: 'a', userAgent: undefined } as const
    const [early, late] = [await auth.newCode('env'), await auth.newCode('env')]
    now += 10 * 60_000 - 1
    expect(await auth.exchangeCode(early.code, from)).toMatchObject({ identity: { tokenId: 'env' } })
    now += 1
    expect(await auth.exchangeCode(late.code, from)).toBeUndefined()
    registry.stop()
    await dispose()
  })
})

describe('TALON_TOKEN', () => {
  test('is replaced when it changes: the old one, its cookies and its scopes end', async () => {
    const home = await mkdtemp(join(tmpdir(), 'talon-test-'))
    const next = 'another-token-of-at-least-thirty-two-characters'
    let cookie = { Cookie: '', Origin: '' }
    {
      await using gateway = await testGateway({ home })
      cookie = await browser(gateway)
    }
    {
      await using gateway = await testGateway({ home, env: { TALON_TOKEN: next } })
      expect((await gateway.fetch('/api/v1/sessions', { token: testToken })).status).toBe(401)
      expect((await gateway.fetch('/api/v1/sessions', { token: next })).status).toBe(200)
      expect((await gateway.fetch('/api/v1/sessions', { token: '', headers: { Cookie: cookie.Cookie } })).status).toBe(
        401,
      )
    }
    {
      await using gateway = await testGateway({ home, env: { TALON_TOKEN: '' } })
      expect((await gateway.fetch('/api/v1/sessions', { token: next })).status).toBe(401)
    }
    await rm(home, { recursive: true, force: true })
  })

  test.each([
    ['auth.mode=none off loopback', { TALON_AUTH_MODE: 'none', TALON_HOST: '0.0.0.0' }],
    ['TALON_LIMITS=off off loopback', { TALON_LIMITS: 'off', TALON_HOST: '0.0.0.0' }],
    ['auth.mode=none on all IPv6 addresses', { TALON_AUTH_MODE: 'none', TALON_HOST: '::' }],
    ['a short TALON_TOKEN', { TALON_TOKEN: 'short' }],
  ])('a start with %s is refused', async (_what, env) => {
    const home = await mkdtemp(join(tmpdir(), 'talon-test-'))
    await expect(
      startGateway({ home, env: { TALON_PORT: '0', TALON_TOKEN: testToken, ...env } }),
    ).rejects.toBeInstanceOf(ConfigError)
    await rm(home, { recursive: true, force: true })
  })
})
