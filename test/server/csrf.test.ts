import { afterAll, beforeAll, expect, test } from 'vitest'
import { cookieName } from '../../src/server/cookies.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-socket.ts'

let gateway: TestGateway
let cookie: string
beforeAll(async () => {
  gateway = await testGateway()
  cookie = `${cookieName}=${(await gateway.app.auth.exchangeToken(testToken, { channel: 'http', address: 'test', userAgent: undefined }))?.secret}`
})
afterAll(() => gateway[Symbol.asyncDispose]())

/** A request as a browser would write it, with the cookie. */
async function send(method: string, path: string, headers: Record<string, string>): Promise<number> {
  const body = JSON.stringify({ senderId: 'evil', channel: 'web' })
  const all = {
    Host: `127.0.0.1:${gateway.port}`,
    Connection: 'close',
    Cookie: cookie,
    'Content-Type': 'text/plain',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  }
  const lines = [`${method} ${path} HTTP/1.1`, ...Object.entries(all).map(([name, value]) => `${name}: ${value}`)]
  return (await rawRequest(gateway.port, lines, body)).status
}

const own = () => `http://127.0.0.1:${gateway.port}`

test.each([
  ['no Origin', () => ({})],
  ['a foreign Origin', () => ({ Origin: 'http://evil.example' })],
  ['Origin null', () => ({ Origin: 'null' })],
  ['the Origin of another port', () => ({ Origin: 'http://127.0.0.1:1' })],
  ['our Origin, and a browser that says cross-site', () => ({ Origin: own(), 'Sec-Fetch-Site': 'cross-site' })],
  ['our Origin, and a browser that says same-site', () => ({ Origin: own(), 'Sec-Fetch-Site': 'same-site' })],
])('a change with the cookie and %s is refused', async (_what, headers) => {
  const before = await gateway.app.store.counts()
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    expect([method, await send(method, '/api/v1/sessions', headers())]).toEqual([method, 403])
  }
  for (const path of [
    '/api/v1/tokens',
    '/api/v1/auth/logout',
    '/logout',
    '/api/sessions/x/send',
    '/api/v1/auth/codes',
  ]) {
    expect([path, await send('POST', path, headers())]).toEqual([path, 403])
  }
  expect(await gateway.app.store.counts()).toEqual(before)
  expect((await gateway.fetch('/api/v1/sessions', { token: '', headers: { Cookie: cookie } })).status).toBe(200)
})

test('a change with the cookie from our own page is served', async () => {
  expect(await send('POST', '/api/v1/sessions', { Origin: own(), 'Sec-Fetch-Site': 'same-origin' })).toBe(201)
  expect(await send('POST', '/api/v1/sessions', { Origin: own() })).toBe(201)
})

test.each(['/', '/login', '/sessions', '/api/v1/sessions', '/livez', '/nothing', '/api/v1/nothing'])(
  'what is answered at %s may not be framed, sniffed or made to load from elsewhere',
  async path => {
    const { headers } = await gateway.fetch(path, {
      token: '',
      headers: { Cookie: cookie, Accept: 'text/html' },
      redirect: 'manual',
    })
    const policy = headers.get('content-security-policy') ?? ''
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'self'",
    ]) {
      expect(policy).toContain(rule)
    }
    expect(policy).not.toMatch(/unsafe|\*|https?:/)
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'same-origin',
    })
    expect(headers.get('access-control-allow-origin')).toBeNull()
    expect(headers.get('x-powered-by')).toBeNull()
  },
)

test('pages of others cannot read an answer: a preflight is refused', async () => {
  const lines = [
    'OPTIONS /api/v1/sessions HTTP/1.1',
    `Host: 127.0.0.1:${gateway.port}`,
    'Connection: close',
    'Origin: http://evil.example',
    'Access-Control-Request-Method: POST',
  ]
  const answer = await rawRequest(gateway.port, lines)
  expect(answer.status).toBe(403)
  expect(answer.headers['access-control-allow-origin']).toBeUndefined()
})
