import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { testGateway, testToken } from '../../support/gateway.ts'
import { newSession, rest } from './rest.ts'

const path = '/api/v1/tokens'

test('a token is shown once, listed without its secret, and dead within a moment of its revocation', async () => {
  await using gateway = await testGateway()
  const created = await rest(gateway, 'POST', path, { body: { name: 'phone', scopes: ['read', 'read'] } })
  expect(created).toMatchObject({ status: 201, body: { id: expect.any(String) } })
  const { id, token } = created.body as { id: string; token: string }
  expect(token).toMatch(new RegExp(`^tln_${id}_[\\w-]{43}$`))
  expect((await rest(gateway, 'GET', '/api/v1/sessions', { token })).status).toBe(200)
  const { body } = await rest(gateway, 'GET', path)
  expect(body['tokens']).toContainEqual({
    id,
    name: 'phone',
    scopes: ['read'],
    profile: null,
    createdAt: expect.any(Number),
    expiresAt: null,
    lastUsedAt: expect.any(Number),
    revokedAt: null,
  })
  const secret = token.split('_').slice(2).join('_')
  for (const text of [JSON.stringify(body), ...gateway.logs]) {
    expect(text).not.toContain(secret)
    expect(text).not.toContain(testToken)
    expect(text).not.toContain(createHash('sha256').update(token).digest('hex'))
    expect(text).not.toContain(createHash('sha256').update(secret).digest('hex'))
  }
  const socket = gateway.client(token)
  await socket.request('session.list', {})
  const closed = new Promise(resolve => socket.onState(state => state.status === 'closed' && resolve(state)))
  expect((await rest(gateway, 'DELETE', `${path}/${id}`)).status).toBe(204)
  expect(await closed).toMatchObject({ reason: 'revoked' })
  expect((await rest(gateway, 'GET', '/api/v1/sessions', { token })).status).toBe(401)
  expect(await rest(gateway, 'DELETE', `${path}/${id}`)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } })
})

test('nobody hands out a scope that they do not hold', async () => {
  await using gateway = await testGateway()
  const token = await gateway.token('admin', 'read')
  for (const scopes of [['chat'], ['read', 'tools']]) {
    expect(await rest(gateway, 'POST', path, { body: { name: 'x', scopes }, token })).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN' },
    })
  }
  expect((await rest(gateway, 'POST', path, { body: { name: 'x', scopes: ['read'] }, token })).status).toBe(201)
})

test.each([
  ['no name', { scopes: ['read'] }],
  ['no scope', { name: 'x', scopes: [] }],
  ['an unknown scope', { name: 'x', scopes: ['root'] }],
  ['an end in the past', { name: 'x', scopes: ['read'], expiresAt: 1 }],
])('a token with %s is refused', async (_what, body) => {
  await using gateway = await testGateway()
  expect(await rest(gateway, 'POST', path, { body })).toMatchObject({ status: 400, body: { code: 'INVALID_MESSAGE' } })
})

test('a code signs a browser in once, its cookie reads and changes only from our own pages, and signing out ends it', async () => {
  await using gateway = await testGateway()
  const made = await rest(gateway, 'POST', '/api/v1/auth/codes')
  expect(made).toMatchObject({ status: 201, body: { url: `${gateway.url}/login#code=${made.body['code']}` } })
  const exchange = () =>
    rest(gateway, 'POST', '/api/v1/auth/exchange', { body: { code: made.body['code'] }, token: '' })
  const signedIn = await exchange()
  expect(signedIn).toMatchObject({ status: 200, body: { scopes: expect.arrayContaining(['admin']) } })
  expect(await exchange()).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } })
  const header = signedIn.headers.get('set-cookie') ?? ''
  expect(header).toMatch(/^talon_session=[\w-]{43};.*HttpOnly.*SameSite=Strict/)
  const cookie = header.split(';')[0] ?? ''
  const asBrowser = (method: string, url: string, headers = {}) =>
    rest(gateway, method, url, { token: '', headers: { cookie, ...headers }, ...(method === 'POST' && { body: {} }) })
  expect((await asBrowser('GET', '/api/v1/sessions')).status).toBe(200)
  expect((await asBrowser('POST', '/api/v1/sessions')).status).toBe(403)
  expect((await asBrowser('POST', '/api/v1/sessions', { origin: 'https://evil.example' })).status).toBe(403)
  expect((await asBrowser('POST', '/api/v1/sessions', { origin: 'null' })).status).toBe(403)
  expect((await asBrowser('POST', '/api/v1/sessions', { origin: gateway.url })).status).toBe(201)
  const out = await gateway.fetch('/api/v1/auth/logout', {
    method: 'POST',
    token: '',
    headers: { cookie, origin: gateway.url },
  })
  expect([out.status, out.headers.get('set-cookie')]).toEqual([204, expect.stringContaining('Max-Age=0')])
  expect((await asBrowser('GET', '/api/v1/sessions')).status).toBe(401)
})

test('a token is exchanged for a cookie with its own scopes and no more', async () => {
  await using gateway = await testGateway()
  await newSession(gateway)
  const token = await gateway.token('read')
  const signedIn = await rest(gateway, 'POST', '/api/v1/auth/token', { body: { token }, token: '' })
  expect(signedIn).toMatchObject({ status: 200, body: { scopes: ['read'] } })
  const headers = { cookie: (signedIn.headers.get('set-cookie') ?? '').split(';')[0] ?? '', origin: gateway.url }
  expect((await rest(gateway, 'GET', '/api/v1/sessions', { token: '', headers })).status).toBe(200)
  expect((await rest(gateway, 'POST', '/api/v1/sessions', { token: '', headers, body: {} })).status).toBe(403)
  const wrong = await rest(gateway, 'POST', '/api/v1/auth/token', { body: { token: `${token}x` }, token: '' })
  expect(wrong).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } })
  for (const body of [{}, { token: '' }, { token: 7 }, { token: 'x'.repeat(513) }]) {
    expect((await rest(gateway, 'POST', '/api/v1/auth/token', { body, token: '' })).status).toBe(400)
  }
})
