import { expect, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
import { converse, newSession, rest } from './rest.ts'

const base = '/api/v1/sessions'

test('a session is made, read, changed, hidden and brought back', async () => {
  await using gateway = await testGateway()
  const created = await rest(gateway, 'POST', base, { body: { senderId: 'ada', channel: 'api', title: 'First' } })
  expect(created.status).toBe(201)
  const id = String(created.body['sessionId'])
  expect(created.body).toEqual({
    sessionId: id,
    senderId: 'ada',
    channel: 'api',
    title: 'First',
    createdAt: expect.any(Number),
  })
  const path = `${base}/${id}`
  expect(created.headers.get('location')).toBe(path)
  expect(created.headers.get('cache-control')).toBe('no-store')
  expect(await rest(gateway, 'GET', path)).toMatchObject({
    status: 200,
    body: { session: { id, state: 'created', epoch: 1, seq: 0 } },
  })

  const changes = { title: 'Second', model: 'offline/offline', config: { a: 1 } }
  expect(await rest(gateway, 'PATCH', path, { body: changes })).toMatchObject({
    status: 200,
    body: { session: { id, ...changes } },
  })
  expect(await rest(gateway, 'PATCH', path, { body: { title: null } })).toMatchObject({
    body: { session: { title: null, model: 'offline/offline' } },
  })
  const unknown = await rest(gateway, 'PATCH', path, { body: { model: 'no-such' } })
  expect(unknown).toMatchObject({
    status: 400,
    body: { code: 'INVALID_MESSAGE', detail: expect.stringContaining('no-such') },
  })

  const deleted = await gateway.fetch(path, { method: 'DELETE' })
  expect([deleted.status, await deleted.text()]).toEqual([204, ''])
  expect(await rest(gateway, 'GET', path)).toMatchObject({ status: 404, body: { code: 'SESSION_NOT_FOUND' } })
  expect((await rest(gateway, 'DELETE', path)).status).toBe(404)
  expect((await rest(gateway, 'GET', base)).body).toEqual({ sessions: [], nextCursor: null })
  expect(await rest(gateway, 'POST', `${path}/restore`)).toMatchObject({
    status: 200,
    body: { session: { id } },
  })
  expect((await rest(gateway, 'GET', path)).status).toBe(200)
})

test('sender and channel may be left out', async () => {
  await using gateway = await testGateway()
  const { body } = await rest(gateway, 'POST', base)
  expect(body).toMatchObject({ senderId: 'api', channel: 'api' })
})

test('P2: the same Idempotency-Key makes one session, and with another body it is a conflict', async () => {
  await using gateway = await testGateway()
  const first = await rest(gateway, 'POST', base, { body: { title: 'x' }, key: 'k' })
  const again = await rest(gateway, 'POST', base, { body: { title: 'x' }, key: 'k' })
  expect(again).toMatchObject({ status: 201, body: { ...first.body, duplicate: true } })
  expect(await rest(gateway, 'POST', base, { body: { title: 'y' }, key: 'k' })).toMatchObject({
    status: 409,
    body: { code: 'CONFLICT' },
  })
  expect((await rest(gateway, 'GET', base)).body['sessions']).toHaveLength(1)
})

test('a token that may chat but not read gets the session that it made', async () => {
  await using gateway = await testGateway()
  const token = await gateway.token('chat')
  const { status, body } = await rest(gateway, 'POST', base, { body: { title: 'mine' }, token })
  expect({ status, body }).toMatchObject({ status: 201, body: { title: 'mine' } })
})

test('the list is paged by a cursor, newest activity first, and filtered', async () => {
  await using gateway = await testGateway()
  const ids: string[] = []
  for (let index = 0; index < 7; index++) {
    ids.unshift(await newSession(gateway, { title: `title ${index}`, channel: index % 2 ? 'odd' : 'even' }))
  }
  const seen: string[] = []
  let cursor: unknown
  for (let page = 0; page < 5 && cursor !== null; page++) {
    const next = cursor === undefined ? '' : `&cursor=${cursor}`
    const { body } = await rest(gateway, 'GET', `${base}?limit=3${next}`)
    seen.push(...(body['sessions'] as { id: string }[]).map(({ id }) => id))
    cursor = body['nextCursor']
  }
  expect(seen).toEqual(ids)
  expect((await rest(gateway, 'GET', `${base}?channel=odd`)).body['sessions']).toHaveLength(3)
  expect((await rest(gateway, 'GET', `${base}?query=TITLE%206`)).body['sessions']).toMatchObject([{ id: ids[0] }])
  expect((await rest(gateway, 'GET', `${base}?senderId=nobody`)).body['sessions']).toEqual([])
  for (const wrong of ['limit=0', 'limit=201', 'limit=x', 'state=none', 'cursor=%22']) {
    expect(await rest(gateway, 'GET', `${base}?${wrong}`)).toMatchObject({
      status: 400,
      body: { code: 'INVALID_MESSAGE' },
    })
  }
})

test('a reset archives the history and starts the next epoch', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  await converse(gateway, id, 'before')
  expect(await rest(gateway, 'POST', `${base}/${id}/reset`)).toMatchObject({
    status: 200,
    body: { sessionId: id, success: true, epoch: 2 },
  })
  expect((await rest(gateway, 'GET', `${base}/${id}/messages`)).body).toMatchObject({ epoch: 2, messages: [] })
  expect((await rest(gateway, 'GET', `${base}/${id}/messages?epoch=1`)).body['messages']).toHaveLength(2)
})

test('a cancel stops the run that works and keeps its text', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  const { promise: begun, resolve } = Promise.withResolvers<void>()
  gateway.app.bus.onSession(id, notice => notice.type === 'session.message.delta' && resolve())
  const { body } = await rest(gateway, 'POST', `${base}/${id}/messages`, { body: { text: '/slow 1000' } })
  await begun
  expect(await rest(gateway, 'POST', `${base}/${id}/cancel`)).toMatchObject({
    status: 200,
    body: { sessionId: id, runId: body['runId'] },
  })
  expect((await rest(gateway, 'GET', `${base}/${id}/messages`)).body).toMatchObject({
    messages: [{ role: 'user' }, { role: 'assistant', incomplete: true, content: expect.stringMatching(/^word1 /) }],
  })
  expect((await rest(gateway, 'POST', `${base}/${id}/cancel`)).body).toEqual({ sessionId: id, runId: null })
  expect((await rest(gateway, 'POST', `${base}/none/cancel`)).status).toBe(404)
})
