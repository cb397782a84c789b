import { Hono } from 'hono'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { routes } from '../../../src/server/api/v1/search.ts'
import type { HttpEnv } from '../../../src/server/http.ts'
import { type TestGateway, testGateway } from '../../support/gateway.ts'
import { converse, newSession, rest } from './rest.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await testGateway()
})
afterAll(() => gateway[Symbol.asyncDispose]())

test('GET /api/v1/search finds what was said, in all sessions or one', async () => {
  const [first, second] = [await newSession(gateway), await newSession(gateway, { title: 'Über & out' })]
  await converse(gateway, first, 'the wombat & the quokka')
  await converse(gateway, second, 'another wombat')
  const search = async (query: string) => {
    const { status, body } = await rest(gateway, 'GET', `/api/v1/search?${query}`)
    expect(status).toBe(200)
    // The list of hits, by the schema of session.search.
    return body['hits'] as { sessionId: string; role: string; snippet: string; marks: number[][] }[]
  }
  const all = await search('q=wombat')
  expect(all).toHaveLength(4)
  expect(new Set(all.map(({ sessionId }) => sessionId))).toEqual(new Set([first, second]))
  expect(await search('q=wombat&limit=1')).toHaveLength(1)
  expect(await search(`q=wombat+role%3Auser&sessionId=${first}`)).toMatchObject([
    { sessionId: first, role: 'user', snippet: 'the wombat & the quokka', marks: [[4, 10]] },
  ])
  expect(await search(`q=${encodeURIComponent('uber "out"')}`)).toMatchObject([{ sessionId: second, role: 'title' }])
})

test('GET /api/v1/search refuses with a problem what cannot be searched', async () => {
  const { status, headers, body } = await rest(gateway, 'GET', '/api/v1/search')
  expect([status, headers.get('content-type')]).toEqual([400, expect.stringContaining('application/problem+json')])
  expect(body).toMatchObject({ code: 'INVALID_MESSAGE', detail: expect.stringContaining('nothing to search for') })
  expect((await rest(gateway, 'GET', '/api/v1/search?q=x&limit=many')).status).toBe(400)
  expect((await rest(gateway, 'GET', '/api/v1/search?q=x&sessionId=none')).status).toBe(404)
  const token = await gateway.token('chat')
  expect((await rest(gateway, 'GET', '/api/v1/search?q=x', { token })).status).toBe(403)
})

test('GET /api/v1/search ends with its caller', async () => {
  const { app } = gateway
  const http = new Hono<HttpEnv>()
  http.use((c, next) => {
    c.set('identity', { tokenId: 'token', scopes: new Set(['read']), webSession: undefined, expiresAt: undefined })
    return next()
  })
  routes(http, app)
  const errors: unknown[] = []
  http.onError((error, c) => {
    errors.push(error)
    return c.body(null, 500)
  })
  await http.request('/api/v1/search?q=wombat', { signal: AbortSignal.abort() })
  expect(errors).toMatchObject([{ code: 'CANCELLED' }])
})
