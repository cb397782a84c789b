import { expect, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
import { rest } from './rest.ts'

test('the three health routes are open to all and tell nothing but the state', async () => {
  await using gateway = await testGateway()
  for (const path of ['/livez', '/healthz']) {
    const { status, headers, body } = await rest(gateway, 'GET', path, { token: '' })
    expect({ status, body }).toEqual({ status: 200, body: { status: 'ok' } })
    expect(headers.get('cache-control')).toBe('no-store')
  }
  expect(await rest(gateway, 'GET', '/readyz', { token: '' })).toMatchObject({
    status: 200,
    body: { status: 'ok', reasons: [] },
  })
  expect((await gateway.fetch('/readyz', { method: 'HEAD', token: '' })).status).toBe(200)
})

test('?verbose needs a token that may read', async () => {
  await using gateway = await testGateway()
  const [read, chat] = [await gateway.token('read'), await gateway.token('chat')]
  for (const path of ['/livez', '/readyz', '/healthz']) {
    for (const query of ['?verbose', '?verbose=1']) {
      expect((await rest(gateway, 'GET', path + query, { token: '' })).status).toBe(401)
      expect((await rest(gateway, 'GET', path + query, { token: chat })).status).toBe(403)
      expect(await rest(gateway, 'GET', path + query, { token: read })).toMatchObject({
        status: 200,
        body: { status: 'ok', details: { status: 'ok', version: gateway.app.version, components: { storage: 'ok' } } },
      })
    }
  }
})

test('the status tells components, counts and the uptime in seconds', async () => {
  await using gateway = await testGateway()
  const client = gateway.client()
  await client.request('session.create', { senderId: 'ada', channel: 'test' })
  const { body } = await rest(gateway, 'GET', '/api/v1/status')
  expect(body).toMatchObject({
    status: 'ok',
    uptime: expect.any(Number),
    stats: { sessions: 1, activeSessions: 0, wsClients: 1, totalMessages: 0 },
  })
  expect(body).toEqual({
    ...(await client.request('gateway.status', {})),
    uptime: expect.any(Number),
    timestamp: expect.any(Number),
  })
})
