import { expect, test } from 'vitest'
import type { GatewayLifecycle } from '../../src/server/lifecycle.ts'
import { testGateway, testToken } from '../support/gateway.ts'

test('while a first import keeps the gateway from being ready, nothing is changed and everything can be read', async () => {
  await using gateway = await testGateway()
  // Who imports has this part of it, other parts only read.
  const release = (gateway.app.lifecycle as GatewayLifecycle).hold(() => 'Importing: 1 of 2 files.')
  const client = gateway.client(testToken)
  const create = () => client.request('session.create', { senderId: 'u', channel: 'c' })
  expect((await gateway.fetch('/readyz')).status).toBe(503)
  await expect(create()).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    message: 'Nothing is changed yet. Importing: 1 of 2 files.',
  })
  expect((await client.request('session.list', {})).sessions).toEqual([])
  release()
  expect((await gateway.fetch('/readyz')).status).toBe(200)
  expect(await create()).toMatchObject({ senderId: 'u' })
})
