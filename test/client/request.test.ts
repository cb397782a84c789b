import { expect, test } from 'vitest'
import { maxOpenRequests, TalonClientError } from '../../src/client/index.ts'
import { maxFrameBytes, randomId } from '../../src/client/requests.ts'
import { closeCodes } from '../../src/protocol/errors.ts'
import { clientForTest, connected, gatewayForTest, stateOf } from './fixture.ts'

const message = { sessionId: 's1', text: 'hello' }
const accepted = { sessionId: 's1', messageId: 'm1', epoch: 1, seq: 1, runId: 'r1', duplicate: false }
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

test('a request is a frame with a fresh UUID, and its reply the promise', async () => {
  const { client, connection } = await connected()
  const answer = client.request('session.send_message', message)
  const frame = await connection.expect('session.send_message')
  expect(frame).toMatchObject({ version: '1.0.0', payload: message })
  expect(frame.id).toMatch(uuid)
  connection.send('session.accepted', accepted, { replyTo: frame.id })
  expect(await answer).toEqual(accepted)
})

test('replies find their requests in whatever order they come', async () => {
  const { client, connection } = await connected()
  const [first, second] = [client.request('session.get', { sessionId: 'a' }), client.request('ping', {})]
  const [get, ping] = [await connection.next(), await connection.next()]
  connection.send('pong', {}, { replyTo: ping.id })
  connection.send('session.get', { session: { id: 'a' } }, { replyTo: get.id })
  expect(await first).toEqual({ session: { id: 'a' } })
  expect(await second).toEqual({})
})

test('an error rejects with everything that the gateway said', async () => {
  const { client, connection } = await connected()
  const answer = client.request('session.send_message', message)
  const { id } = await connection.next()
  const error = {
    code: 'RATE_LIMITED',
    status: 429,
    error: 'Slower.',
    retryable: true,
    retryAfterMs: 900,
    details: [1],
  }
  connection.send('session.error', { ...error, sessionId: 's1' }, { replyTo: id })
  const thrown = await answer.catch(reason => reason)
  expect(thrown).toBeInstanceOf(TalonClientError)
  expect(thrown).toMatchObject({
    message: 'Slower.',
    code: 'RATE_LIMITED',
    status: 429,
    retryable: true,
    retryAfterMs: 900,
    details: [1],
    sessionId: 's1',
    requestId: id,
  })
  expect(connection.untaken()).toEqual([])
})

test('an unreadable frame is answered by the id in the details', async () => {
  const { client, connection } = await connected()
  const answer = client.request('ping', {})
  const { id } = await connection.next()
  connection.send('error', { code: 'INVALID_MESSAGE', status: 400, error: 'No.', retryable: false, details: { id } })
  await expect(answer).rejects.toMatchObject({ code: 'INVALID_MESSAGE' })
})

test('what was asked before the connection opened is sent in order after welcome', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url)
  const answers = ['a', 'b', 'c'].map(sessionId => client.request('session.get', { sessionId }))
  const connection = await gateway.connection()
  await connection.welcome()
  for (const sessionId of ['a', 'b', 'c']) {
    const frame = await connection.next()
    expect(frame.payload).toEqual({ sessionId })
    connection.send('session.get', { session: { id: sessionId } }, { replyTo: frame.id })
  }
  expect(await Promise.all(answers)).toEqual(['a', 'b', 'c'].map(id => ({ session: { id } })))
})

test('an unanswered request is sent again after a cut, the same to the byte', async () => {
  const { gateway, client, connection } = await connected()
  const answer = client.request('session.send_message', message)
  const first = await connection.next()
  connection.cut()
  const second = await gateway.connection()
  await second.welcome()
  const again = await second.next()
  expect(again).toEqual(first)
  second.send('session.accepted', { ...accepted, duplicate: true }, { replyTo: again.id })
  expect((await answer).duplicate).toBe(true)
})

test('an answered request is not sent again', async () => {
  const { gateway, client, connection } = await connected()
  const answer = client.request('session.send_message', message)
  connection.send('session.accepted', accepted, { replyTo: (await connection.next()).id })
  await answer
  connection.cut()
  const second = await gateway.connection()
  await second.welcome()
  const probe = client.request('ping', {})
  second.send('pong', {}, { replyTo: (await second.expect('ping')).id })
  await probe
})

test('a try that failed can be repeated under its id', async () => {
  const { client, connection } = await connected()
  const failed = await client
    .request('session.send_message', message, { timeoutMs: 10 })
    .catch((error: TalonClientError) => error)
  expect(failed).toMatchObject({ code: 'TIMEOUT', status: 504, retryable: true })
  const first = await connection.next()
  const { requestId: id } = failed as TalonClientError
  const answer = client.request('session.send_message', message, { id })
  expect((await connection.next()).id).toBe(first.id)
  connection.send('session.accepted', accepted, { replyTo: first.id })
  await answer
})

test('two open requests cannot share an id', async () => {
  const { client, connection } = await connected()
  const first = client.request('ping', {}, { id: 'same' })
  await expect(client.request('ping', {}, { id: 'same' })).rejects.toMatchObject({ code: 'CONFLICT' })
  connection.send('pong', {}, { replyTo: 'same' })
  await first
})

test('a signal gives a request up, and its late answer is passed over', async () => {
  const { client, connection } = await connected()
  const controller = new AbortController()
  const answer = client.request('ping', {}, { signal: controller.signal })
  const { id } = await connection.next()
  controller.abort('enough')
  await expect(answer).rejects.toMatchObject({ code: 'CANCELLED', cause: 'enough' })
  const heard: string[] = []
  client.on('*', (_payload, frame) => heard.push(frame.type))
  connection.send('pong', {}, { replyTo: id })
  const probe = client.request('ping', {})
  connection.send('pong', {}, { replyTo: (await connection.next()).id })
  await probe
  expect(heard).toEqual([])
  await expect(client.request('ping', {}, { signal: controller.signal })).rejects.toMatchObject({ code: 'CANCELLED' })
})

test('no more than the bound wait, and no more than the gateway takes are under way', async () => {
  const { client, connection } = await connected()
  const answers = Array.from({ length: maxOpenRequests }, () => client.request('ping', {}))
  await expect(client.request('ping', {})).rejects.toMatchObject({ code: 'OVERLOADED', retryable: true })
  const first = await connection.next()
  let taken = 1
  while (taken < 48) {
    await connection.next()
    taken++
  }
  expect(connection.untaken()).toEqual([])
  connection.send('pong', {}, { replyTo: first.id })
  await connection.next()
  expect(connection.untaken()).toEqual([])
  client.close()
  const outcomes = await Promise.allSettled(answers)
  expect(outcomes.filter(outcome => outcome.status === 'fulfilled')).toHaveLength(1)
})

test('all that waited is answered in the end, however much it was', async () => {
  const { client, connection } = await connected()
  connection.answer(() => ({ type: 'pong', payload: {} }))
  await Promise.all(Array.from({ length: maxOpenRequests }, () => client.request('ping', {})))
})

test('a frame that is larger than the gateway takes is refused here', async () => {
  const { client, connection } = await connected()
  const text = 'é'.repeat(maxFrameBytes / 2)
  await expect(client.request('session.send_message', { sessionId: 's', text })).rejects.toMatchObject({
    code: 'TOO_LARGE',
    status: 413,
  })
  expect(connection.untaken()).toEqual([])
})

test('a frame that cost the connection is not sent again', async () => {
  const { gateway, client, connection } = await connected()
  const large = client.request('session.send_message', { sessionId: 's', text: 'x'.repeat(9_000) })
  const small = client.request('ping', {})
  large.catch(() => {})
  await connection.next()
  await connection.next()
  connection.close(closeCodes.frameTooLarge)
  await expect(large).rejects.toMatchObject({ code: 'TOO_LARGE' })
  const second = await gateway.connection()
  await second.welcome()
  second.send('pong', {}, { replyTo: (await second.expect('ping')).id })
  await small
})

test('events reach their listeners with the frame, and everybody under the star', async () => {
  const { client, connection } = await connected()
  const heard: unknown[] = []
  const stop = client.on('session.created', (payload, frame) => heard.push([payload.sessionId, frame.type]))
  const both = new Promise<void>(resolve => {
    client.on('*', (_payload, frame) => {
      heard.push(frame.type)
      if (frame.type === 'session.deleted') resolve()
    })
  })
  connection.send('session.created', { sessionId: 's1' })
  connection.send('session.deleted', { sessionId: 's1' })
  await both
  expect(heard).toEqual([['s1', 'session.created'], 'session.created', 'session.deleted'])
  stop()
  connection.send('session.created', { sessionId: 's2' })
  const probe = client.request('ping', {})
  connection.send('pong', {}, { replyTo: (await connection.next()).id })
  await probe
  expect(heard.filter(item => Array.isArray(item))).toHaveLength(1)
})

test('an answer is no event', async () => {
  const { client, connection } = await connected()
  const heard: string[] = []
  client.on('*', (_payload, frame) => heard.push(frame.type))
  const answer = client.request('session.create', { senderId: 'a', channel: 'b' })
  connection.send('session.created', { sessionId: 's1' }, { replyTo: (await connection.next()).id })
  await answer
  expect(heard).toEqual([])
})

test('ids are random UUIDs on pages without crypto.randomUUID too', () => {
  const { randomUUID } = crypto
  Object.defineProperty(crypto, 'randomUUID', { value: undefined, configurable: true })
  try {
    const ids = Array.from({ length: 1_000 }, randomId)
    for (const id of ids) expect(id).toMatch(uuid)
    expect(new Set(ids).size).toBe(ids.length)
  } finally {
    Object.defineProperty(crypto, 'randomUUID', { value: randomUUID, configurable: true })
  }
})

test('requests wait out several lost connections', async () => {
  const { gateway, client, connection } = await connected()
  const answer = client.request('gateway.status', {})
  await connection.next()
  connection.cut()
  for (let round = 0; round < 3; round++) {
    const next = await gateway.connection()
    await next.welcome()
    await next.expect('gateway.status')
    next.cut()
  }
  const last = await gateway.connection()
  await last.welcome()
  last.send('gateway.status', { status: 'ok' }, { replyTo: (await last.next()).id })
  expect(await answer).toEqual({ status: 'ok' })
  await stateOf(client, 'open')
})
