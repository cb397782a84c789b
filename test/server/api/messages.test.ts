import { expect, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
import { converse, newSession, rest } from './rest.ts'

test('P1: a message is accepted with 202 after it is stored, and its answer follows', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  const path = `/api/v1/sessions/${id}/messages`
  const { status, body } = await rest(gateway, 'POST', path, { body: { text: 'hello', senderName: 'Ada' } })
  expect({ status, body }).toEqual({
    status: 202,
    body: {
      sessionId: id,
      messageId: expect.any(String),
      runId: expect.any(String),
      epoch: 1,
      seq: 1,
      duplicate: false,
    },
  })
  const { messages } = (await rest(gateway, 'GET', path)).body as { messages: object[] }
  expect(messages[0]).toMatchObject({
    id: body['messageId'],
    seq: 1,
    role: 'user',
    content: 'hello',
    senderName: 'Ada',
  })
})

test('P2: a repeat with the same Idempotency-Key is the same message, with another body a conflict', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  const path = `/api/v1/sessions/${id}/messages`
  const first = await rest(gateway, 'POST', path, { body: { text: 'once' }, key: 'k1' })
  const again = await rest(gateway, 'POST', path, { body: { text: 'once' }, key: 'k1' })
  expect(again).toMatchObject({ status: 202, body: { ...first.body, duplicate: true } })
  expect(await rest(gateway, 'POST', path, { body: { text: 'twice' }, key: 'k1' })).toMatchObject({
    status: 409,
    body: { code: 'CONFLICT' },
  })
  // The key belongs to the token: somebody else's is another one.
  const token = await gateway.token('chat')
  const other = await rest(gateway, 'POST', path, { body: { text: 'twice' }, key: 'k1', token })
  expect(other).toMatchObject({ status: 202, body: { duplicate: false } })
  for (const key of ['', 'k'.repeat(129)]) {
    const { status } = await rest(gateway, 'POST', path, { body: { text: 'x' }, key })
    expect(status).toBe(400)
  }
  // Without a key each one counts.
  await rest(gateway, 'POST', path, { body: { text: 'same' } })
  await rest(gateway, 'POST', path, { body: { text: 'same' } })
  const { messages } = (await rest(gateway, 'GET', path)).body as { messages: { role: string; content: string }[] }
  expect(messages.filter(({ role }) => role === 'user').map(({ content }) => content)).toEqual([
    'once',
    'twice',
    'same',
    'same',
  ])
})

test('P2: many repeats at the same time are one message', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  const path = `/api/v1/sessions/${id}/messages`
  const send = () => rest(gateway, 'POST', path, { body: { text: 'once' }, key: 'burst' })
  const answers = await Promise.all(Array.from({ length: 20 }, send))
  expect(new Set(answers.map(({ body }) => body['messageId'])).size).toBe(1)
  expect(answers.filter(({ body }) => body['duplicate'] === false)).toHaveLength(1)
})

test('P3: pages go up from after, down from before, and are always in ascending order', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  for (const text of ['a', 'b', 'c']) await converse(gateway, id, text)
  const seqs = async (query: string) => {
    const { body } = await rest(gateway, 'GET', `/api/v1/sessions/${id}/messages?${query}`)
    return { seqs: (body['messages'] as { seq: number }[]).map(({ seq }) => seq), hasMore: body['hasMore'] }
  }
  expect(await seqs('')).toEqual({ seqs: [1, 2, 3, 4, 5, 6], hasMore: false })
  expect(await seqs('limit=4')).toEqual({ seqs: [3, 4, 5, 6], hasMore: true })
  expect(await seqs('limit=4&before=3')).toEqual({ seqs: [1, 2], hasMore: false })
  expect(await seqs('limit=4&after=0')).toEqual({ seqs: [1, 2, 3, 4], hasMore: true })
  expect(await seqs('limit=4&after=4')).toEqual({ seqs: [5, 6], hasMore: false })
  expect((await rest(gateway, 'GET', `/api/v1/sessions/${id}/messages?epoch=9`)).status).toBe(404)
  for (const wrong of ['limit=0', 'limit=1001', 'after=-1', 'before=x', 'epoch=1.5']) {
    expect((await rest(gateway, 'GET', `/api/v1/sessions/${id}/messages?${wrong}`)).status).toBe(400)
  }
})

test('a page ends before it gets larger than a frame', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  const path = `/api/v1/sessions/${id}/messages`
  const text = 'x'.repeat(400_000)
  for (let count = 0; count < 3; count++) await converse(gateway, id, text)
  const { body } = await rest(gateway, 'GET', `${path}?after=0`)
  expect(JSON.stringify(body).length).toBeLessThanOrEqual(1024 * 1024)
  expect(body).toMatchObject({ hasMore: true })
})

test('an empty text, a text that is none and a session that is not there are refused', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  for (const body of [{}, { text: '' }, { text: 7 }]) {
    const answer = await rest(gateway, 'POST', `/api/v1/sessions/${id}/messages`, { body })
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'INVALID_MESSAGE', detail: expect.stringContaining('text') },
    })
  }
  const path = '/api/v1/sessions/none/messages'
  for (const answer of [await rest(gateway, 'GET', path), await rest(gateway, 'POST', path, { body: { text: 'x' } })]) {
    expect(answer).toMatchObject({ status: 404, body: { code: 'SESSION_NOT_FOUND' } })
  }
  // The path names the session, whatever the body says.
  const other = await newSession(gateway)
  const answer = await rest(gateway, 'POST', `/api/v1/sessions/${id}/messages`, {
    body: { text: 'x', sessionId: other },
  })
  expect(answer.body).toMatchObject({ sessionId: id })
})

test('the log is paged by a cursor in both directions, and another cursor is refused', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  for (const text of ['a', 'b', 'c']) await converse(gateway, id, text)
  const path = `/api/v1/sessions/${id}/messages`
  for (const start of ['', '&after=0']) {
    const seqs: number[] = []
    let query = `limit=2${start}`
    for (let pages = 0; query !== ''; pages++) {
      expect(pages).toBeLessThan(4)
      const { body } = await rest(gateway, 'GET', `${path}?${query}`)
      const page = (body['messages'] as { seq: number }[]).map(({ seq }) => seq)
      seqs.push(...(start === '' ? page.toReversed() : page))
      query = body['nextCursor'] === null ? '' : `limit=2&cursor=${body['nextCursor']}`
    }
    expect(seqs).toEqual(start === '' ? [6, 5, 4, 3, 2, 1] : [1, 2, 3, 4, 5, 6])
  }
  expect(await rest(gateway, 'GET', `${path}?cursor=nonsense`)).toMatchObject({ status: 400 })
})
