import { once } from 'node:events'
import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestGateway, testGateway, testToken } from '../../support/gateway.ts'
import { newSession, rest } from './rest.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await testGateway()
})
afterAll(() => gateway[Symbol.asyncDispose]())

const base = '/api/v1/sessions'
const tooLarge = { status: 413, body: { code: 'TOO_LARGE', detail: 'A body has at most 1048576 bytes.' } }

test('an error is a problem of RFC 9457 with the code of the protocol', async () => {
  const { status, headers, body } = await rest(gateway, 'GET', `${base}/none`)
  expect(status).toBe(404)
  expect(headers.get('content-type')).toBe('application/problem+json')
  expect(headers.get('cache-control')).toBe('no-store')
  expect(body).toEqual({
    type: 'about:blank',
    title: 'Not Found',
    status: 404,
    detail: 'Session not found',
    instance: headers.get('x-request-id'),
    code: 'SESSION_NOT_FOUND',
    error: 'Session not found',
    retryable: false,
    sessionId: 'none',
  })
})

test.each([
  ['no JSON', '{"title": '],
  ['a list', '[]'],
  ['a text', '"x"'],
  ['null', 'null'],
  ['a hostile key', '{"config": {"__proto__": {"a": 1}}}'],
  ['a hostile key in escapes', '{"config": {"\\u005f_proto__": 1}}'],
  ['a depth of a thousand', `{"config": ${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}}`],
])('a body that is %s is answered with 400', async (_what, text) => {
  const response = await gateway.fetch(base, { method: 'POST', body: text })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ code: 'INVALID_MESSAGE', retryable: false })
})

test('a field that is wrong is named', async () => {
  const { body } = await rest(gateway, 'POST', base, { body: { title: 7 } })
  expect(body).toMatchObject({
    code: 'INVALID_MESSAGE',
    details: [{ path: 'title' }],
    detail: expect.stringContaining('title'),
  })
})

test('a body over a megabyte is answered with 413, whether its length is declared or not', async () => {
  const text = JSON.stringify({ config: { text: 'x'.repeat(1024 * 1024) } })
  expect(await rest(gateway, 'POST', base, { body: JSON.parse(text) })).toMatchObject(tooLarge)
  expect(await chunked(gateway, base, text, 64 * 1024)).toMatchObject(tooLarge)
  // The gateway goes on as before.
  expect(await newSession(gateway)).toMatch(/^sess_/)
})

test('a body that never ends is cut at the bound, not collected', async () => {
  const { hostname, port } = new URL(gateway.url)
  const outgoing = request({
    hostname,
    port,
    path: base,
    method: 'POST',
    headers: { authorization: `Bearer ${testToken}` },
  })
  outgoing.on('error', () => undefined) // It may be cut while it is written.
  const answered = once(outgoing, 'response')
  let sent = 0
  const write = () => {
    for (; sent < 64 * 1024 * 1024; sent += 65_536) if (!outgoing.write('x'.repeat(65_536))) return
  }
  outgoing.on('drain', write)
  write()
  const [response] = await answered
  expect(response.statusCode).toBe(413)
  expect(sent).toBeLessThan(32 * 1024 * 1024)
  outgoing.destroy()
})

test.each([
  ['GET', '/api/v1/nothing'],
  ['GET', '/api/v2/sessions'],
  ['GET', '/api/v1/sessions/a/b/c'],
  ['PUT', '/api/v1/sessions'],
  ['DELETE', '/api/v1/sessions'],
  ['PATCH', '/api/v1/tokens/x'],
])('%s %s is 404 as a problem, for a browser as well', async (method, path) => {
  for (const accept of ['application/json', 'text/html']) {
    const { status, headers, body } = await rest(gateway, method, path, { headers: { accept } })
    expect([status, headers.get('content-type'), body['code']]).toEqual([404, 'application/problem+json', 'NOT_FOUND'])
  }
})

test('HEAD answers as GET without the body', async () => {
  const get = await gateway.fetch(base)
  const head = await gateway.fetch(base, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
    200,
    get.headers.get('content-type'),
    '',
  ])
  expect((await gateway.fetch(`${base}/none`, { method: 'HEAD' })).status).toBe(404)
  expect((await gateway.fetch(base, { method: 'HEAD', token: '' })).status).toBe(401)
})

test('OPTIONS allows no other origin anything', async () => {
  const response = await gateway.fetch(base, {
    method: 'OPTIONS',
    headers: { origin: 'https://evil.example' },
    token: '',
  })
  expect(response.status).toBe(403)
  for (const name of response.headers.keys()) expect(name).not.toMatch(/^access-control-/)
  expect((await gateway.fetch(base, { method: 'OPTIONS' })).status).toBe(404)
})

test('a method that nobody knows is refused, and the gateway goes on', async () => {
  const { hostname, port } = new URL(gateway.url)
  const outgoing = request({
    hostname,
    port,
    path: base,
    method: 'PROPFIND',
    headers: { authorization: `Bearer ${testToken}` },
  })
  outgoing.end()
  const [response] = await once(outgoing, 'response')
  expect(response.statusCode).toBe(404)
  response.resume()
  expect((await gateway.fetch('/livez')).status).toBe(200)
})

test('ids in a path that are odd are no sessions, and no faults', async () => {
  for (const id of ['..%2f..', '%00', '%ff', 'x'.repeat(128), '%F0%9F%A6%80', "'%20OR%201=1"]) {
    expect([400, 404]).toContain((await gateway.fetch(`${base}/${id}`)).status)
  }
  expect(gateway.logs.filter(line => JSON.parse(line).level >= 50)).toEqual([])
})

async function chunked(gateway: TestGateway, path: string, text: string, chunk: number) {
  const parts = Array.from({ length: Math.ceil(text.length / chunk) }, (_, at) =>
    text.slice(at * chunk, (at + 1) * chunk),
  )
  const body = new ReadableStream({
    pull(controller) {
      const part = parts.shift()
      if (part === undefined) controller.close()
      else controller.enqueue(new TextEncoder().encode(part))
    },
  })
  // `duplex` is missing in the type, and without it a stream cannot be sent.
  const init = { method: 'POST', body, duplex: 'half' } as RequestInit
  const response = await gateway.fetch(path, init)
  return { status: response.status, body: await response.json() }
}
