import { expect, test } from 'vitest'
import { type TestGateway, testGateway, testToken } from '../../support/gateway.ts'

const path = '/api/v1/sessions/import'

function fileOf(id: string, content = 'hello'): string {
  return JSON.stringify({
    format: 'talon.session',
    version: 1,
    session: { id, senderId: 'a', channel: 'c', title: null, model: null, createdAt: 1, lastActiveAt: 1 },
    epochs: [{ epoch: 1, messages: [{ id: `${id}-m`, role: 'user', content, timestamp: 1 }] }],
  })
}

async function send(gateway: TestGateway, body: string, key?: string) {
  const headers = key === undefined ? {} : { 'idempotency-key': key }
  const response = await gateway.fetch(path, { method: 'POST', body, headers })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> } // An object, as every answer.
}

async function sessionIds(gateway: TestGateway): Promise<string[]> {
  const { sessions } = await gateway.client(testToken).request('session.list', {})
  return sessions.map(({ id }) => id).toSorted()
}

test('a repeat with the same key and body is told what the first was, and makes no session', async () => {
  await using gateway = await testGateway()
  const first = await send(gateway, fileOf('s'), 'k')
  expect(first).toEqual({ status: 201, body: { sessionId: 's', messages: 1, renamed: false } })
  const again = await send(gateway, fileOf('s'), 'k')
  expect(again).toEqual({ status: 201, body: { ...first.body, duplicate: true } })
  expect(await sessionIds(gateway)).toEqual(['s'])
  expect((await send(gateway, fileOf('s'), 'other')).body).toMatchObject({ renamed: true })
})

test('a key that was used with another body, or for something else, is a conflict', async () => {
  await using gateway = await testGateway()
  await send(gateway, fileOf('s'), 'k')
  expect(await send(gateway, fileOf('t'), 'k')).toMatchObject({ status: 409, body: { code: 'CONFLICT' } })
  const made = await gateway.fetch('/api/v1/sessions', {
    method: 'POST',
    body: '{"senderId":"b","channel":"c"}',
    headers: { 'idempotency-key': 'made' },
  })
  expect(made.status).toBe(201)
  const before = await sessionIds(gateway)
  expect(await send(gateway, fileOf('t'), 'made')).toMatchObject({ status: 409, body: { code: 'CONFLICT' } })
  expect(await sessionIds(gateway)).toEqual(before)
})

test('of several at once with one key one imports, and a key whose import failed is free', async () => {
  await using gateway = await testGateway()
  expect(await send(gateway, '{"format":"x"}', 'k')).toMatchObject({ status: 400 })
  const answers = await Promise.all(Array.from({ length: 4 }, () => send(gateway, fileOf('s'), 'k')))
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201])
  expect(answers.filter(({ body }) => body['duplicate'] === true)).toHaveLength(3)
  expect(await sessionIds(gateway)).toEqual(['s'])
})
