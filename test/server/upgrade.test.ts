import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { queryObjects } from 'node:v8'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cookieName } from '../../src/server/cookies.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { errorLines, handSocket, rawRequest, rawSocket, upgradeLines } from '../support/raw-socket.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await testGateway()
})
afterAll(() => gateway[Symbol.asyncDispose]())

test('an upgrade of "//" is refused and the gateway lives on', async () => {
  await using gateway = await testGateway()
  const answer = await rawRequest(gateway.port, upgradeLines(gateway.port, '//'))
  expect(answer.status).toBe(404)
  expect(JSON.parse(answer.body)).toMatchObject({ code: 'NOT_FOUND' })
  expect((await rawRequest(gateway.port, ['GET // HTTP/1.1', 'Host: localhost', 'Connection: close'])).status).not.toBe(
    0,
  )
  expect((await gateway.fetch('/livez')).status).toBe(200)
})

test('clients that reset while they are admitted leave nothing behind', async () => {
  await using gateway = await testGateway()
  const lines = upgradeLines(gateway.port, '/ws', { Authorization: `Bearer ${testToken}` })
  const attack = async () => {
    const socket = connectTcp(gateway.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(`${lines.join('\r\n')}\r\n\r\n`, () => socket.resetAndDestroy())
    await once(socket, 'close')
  }
  for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 25 }, attack))
  using socket = await rawSocket(gateway.port, { token: testToken })
  await expect.poll(() => gateway.app.connections.count()).toBe(1)
  expect((await socket.ask('ping')).type).toBe('pong')
  await expect.poll(requestsInMemory).toBeLessThan(20)
  expect(errorLines(gateway.logs)).toEqual([])
})

test.each([
  ['a key that is no key', { 'Sec-WebSocket-Key': 'short' }],
  ['no key', { 'Sec-WebSocket-Key': undefined }],
  ['another version of WebSocket', { 'Sec-WebSocket-Version': '12' }],
  ['a subprotocol that is none', { 'Sec-WebSocket-Protocol': 'talon,,' }],
  ['the same subprotocol twice', { 'Sec-WebSocket-Protocol': 'talon, talon' }],
])('an upgrade with %s is refused with 400 and not kept', async (_what, headers) => {
  await using gateway = await testGateway()
  for (let round = 0; round < 50; round++) {
    const answer = await rawRequest(gateway.port, upgradeLines(gateway.port, '/ws', headers))
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'INVALID_MESSAGE' })
  }
  await expect.poll(requestsInMemory).toBeLessThan(20)
})

test('a refused upgrade is a whole HTTP answer', async () => {
  await using gateway = await testGateway()
  const lines = upgradeLines(gateway.port, '/ws', { Authorization: 'Bearer tln_no_such_token_aaaaaaaaaaaaaaaaaaaa' })
  const answer = await rawRequest(gateway.port, lines)
  expect(answer).toMatchObject({
    status: 401,
    headers: {
      'content-type': 'application/problem+json',
      'www-authenticate': 'Bearer',
      'cache-control': 'no-store',
      connection: 'close',
      'content-length': String(Buffer.byteLength(answer.body)),
    },
  })
  expect(JSON.parse(answer.body)).toMatchObject({ code: 'UNAUTHENTICATED', status: 401, retryable: false })
})

test('a handler that throws answers INTERNAL without its cause, and the connection goes on', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  gateway.app.tools.listing = () => {
    throw new Error('canary-cause')
  }
  const reply = await socket.ask('tools.list')
  expect(reply).toMatchObject({ type: 'error', payload: { code: 'INTERNAL', status: 500, error: 'Internal error.' } })
  expect(JSON.stringify(reply)).not.toContain('canary-cause')
  expect(errorLines(gateway.logs).join()).toContain('canary-cause')
  expect((await socket.ask('ping')).type).toBe('pong')
})

test.each([
  '/livez',
  '/readyz',
  '/healthz',
  '/',
  '/login',
  '/sessions',
  '/assets/x.js',
  '/api/health',
  '/api/v1/sessions',
  '/nothing',
])('a foreign Host is answered 421 on %s', async path => {
  for (const host of [
    'evil.example',
    `evil.example:${gateway.port}`,
    '127.0.0.1.evil.example',
    'localhost@evil.example',
    '',
  ]) {
    const answer = await rawRequest(gateway.port, [`GET ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close'])
    const wellFormed = /^[\w.:]+$/.test(host)
    expect([host, answer.status]).toEqual([host, wellFormed ? 421 : expect.toBeOneOf([400, 421])])
  }
})

test('an upgrade under a foreign Host is answered 421', async () => {
  await using gateway = await testGateway()
  for (const Host of ['evil.example', `evil.example:${gateway.port}`, '169.254.169.254', 'localhost.']) {
    expect((await rawRequest(gateway.port, upgradeLines(gateway.port, '/ws', { Host }))).status).toBe(421)
  }
})

test('a foreign Origin and "null" are answered 403 on upgrades and routes', async () => {
  await using gateway = await testGateway()
  const own = `http://127.0.0.1:${gateway.port}`
  for (const Origin of [
    'http://evil.example',
    'null',
    `http://localhost:${gateway.port + 1}`,
    `${own}.evil.example`,
    'file://',
    `ftp://127.0.0.1:${gateway.port}`,
  ]) {
    const upgrade = await rawRequest(
      gateway.port,
      upgradeLines(gateway.port, '/ws', { Origin, Authorization: `Bearer ${testToken}` }),
    )
    expect([Origin, upgrade.status]).toEqual([Origin, 403])
    for (const path of ['/livez', '/login', '/api/v1/sessions']) {
      const lines = [
        `GET ${path} HTTP/1.1`,
        `Host: 127.0.0.1:${gateway.port}`,
        `Origin: ${Origin}`,
        'Connection: close',
      ]
      expect([Origin, path, (await rawRequest(gateway.port, lines)).status]).toEqual([Origin, path, 403])
    }
  }
  using socket = await rawSocket(gateway.port, { token: testToken, headers: { Origin: own } })
  expect((await socket.ask('ping')).type).toBe('pong')
})

test('a token in a URL is refused, on an upgrade and on a route', async () => {
  await using gateway = await testGateway()
  const answer = await rawRequest(gateway.port, upgradeLines(gateway.port, `/ws?token=${testToken}`))
  expect(answer.status).toBe(400)
  expect(answer.body).not.toContain(testToken)
  expect((await gateway.fetch(`/api/v1/sessions?token=${testToken}`, { token: '' })).status).toBe(400)
  expect(gateway.logs.join()).not.toContain(testToken)
})

test('a cookie upgrades only together with an Origin of ours', async () => {
  await using gateway = await testGateway()
  const Origin = `http://127.0.0.1:${gateway.port}`
  const signIn = await gateway.app.auth.exchangeToken(testToken, {
    channel: 'http',
    address: 'test',
    userAgent: undefined,
  })
  const Cookie = `${cookieName}=${signIn?.secret}`
  expect((await rawRequest(gateway.port, upgradeLines(gateway.port, '/ws', { Cookie }))).status).toBe(403)
  const foreign = upgradeLines(gateway.port, '/ws', { Cookie, Origin: 'http://evil.example' })
  expect((await rawRequest(gateway.port, foreign)).status).toBe(403)
  using socket = await rawSocket(gateway.port, { headers: { Cookie, Origin } })
  expect((await socket.ask('gateway.status')).type).toBe('gateway.status')
})

test.each(['/', '/ws/', '/WS', '/wss', '/ws2', '/api/v1/sessions', '/%77s', 'http://evil.example/ws', '/../ws', '*'])(
  'an upgrade of %s is answered 404',
  async path => {
    expect((await rawRequest(gateway.port, upgradeLines(gateway.port, path))).status).toBe(404)
  },
)

test('a request that offers another protocol is answered as if it did not', async () => {
  const headers = {
    Connection: 'close, Upgrade, HTTP2-Settings',
    Upgrade: 'h2c',
    'HTTP2-Settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
  }
  expect(await rawRequest(gateway.port, upgradeLines(gateway.port, '/livez', headers))).toMatchObject({ status: 200 })
  expect((await rawRequest(gateway.port, upgradeLines(gateway.port, '/ws', headers))).status).toBe(404)
})

test('connections over the cap are answered 503 with Retry-After', async () => {
  await using gateway = await testGateway({ env: { TALON_SERVER_MAX_CONNECTIONS: '3' } })
  const open = await Promise.all([1, 2, 3].map(() => rawSocket(gateway.port, { token: testToken })))
  const refused = await rawRequest(
    gateway.port,
    upgradeLines(gateway.port, '/ws', { Authorization: `Bearer ${testToken}` }),
  )
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
  expect(JSON.parse(refused.body)).toMatchObject({ code: 'OVERLOADED', retryable: true, retryAfterMs: 5_000 })
  open[0]?.[Symbol.dispose]()
  await expect.poll(() => gateway.app.connections.count()).toBe(2)
  using again = await rawSocket(gateway.port, { token: testToken })
  expect((await again.ask('ping')).type).toBe('pong')
  for (const socket of open) socket[Symbol.dispose]()
})

test('a storm of connections never passes the cap', async () => {
  await using gateway = await testGateway({ env: { TALON_SERVER_MAX_CONNECTIONS: '10' } })
  let most = 0
  const watch = setInterval(() => (most = Math.max(most, gateway.app.connections.count())), 1)
  const sockets = await Promise.all(
    Array.from({ length: 60 }, () => handSocket(gateway.port, { Authorization: `Bearer ${testToken}` })),
  )
  clearInterval(watch)
  expect(Math.max(most, gateway.app.connections.count())).toBe(10)
  for (const socket of sockets) socket[Symbol.dispose]()
})

test('those who have not signed in have a cap of their own, and a token passes it', async () => {
  await using gateway = await testGateway({ env: { TALON_SERVER_MAX_UNAUTHENTICATED: '2' } })
  const strangers = await Promise.all([rawSocket(gateway.port), rawSocket(gateway.port)])
  expect(await rawRequest(gateway.port, upgradeLines(gateway.port))).toMatchObject({
    status: 503,
    headers: { 'retry-after': '5' },
  })
  using owner = await rawSocket(gateway.port, { headers: { Authorization: `Bearer ${testToken}` } })
  expect((await owner.ask('ping')).type).toBe('pong')
  for (const socket of strangers) socket[Symbol.dispose]()
})

/** Requests that this process holds after a collection; an adapter that waits for a socket that never comes keeps its own. */
function requestsInMemory(): number {
  return Number(queryObjects(IncomingMessage))
}
