import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { maxInFlight } from '../../src/server/bounds.ts'
import { testGateway, testToken } from '../support/gateway.ts'
import { fill, newSession } from '../support/log-reader.ts'
import { frameText, rawSocket } from '../support/raw-socket.ts'

test('the same id twice is one message and one run, on any connection, and across a restart', async () => {
  const home = await mkdtemp(join(tmpdir(), 'talon-test-'))
  const message = { text: 'once' }
  let sessionId = ''
  let first: Record<string, unknown> = {}
  {
    await using gateway = await testGateway({ home })
    using one = await rawSocket(gateway.port, { token: testToken })
    using two = await rawSocket(gateway.port, { token: testToken })
    sessionId = await newSession(one)
    const [a, b] = await Promise.all(
      [one, two].map(socket => socket.ask('session.send_message', { sessionId, ...message }, { id: 'the-same' })),
    )
    const duplicates = [a?.payload['duplicate'], b?.payload['duplicate']]
    expect(duplicates.toSorted()).toEqual([false, true])
    first = { ...a?.payload, duplicate: true }
    expect({ ...b?.payload, duplicate: true }).toEqual(first)
    await one.until(frame => frame.type === 'run.finished')
  }
  {
    await using gateway = await testGateway({ home })
    using socket = await rawSocket(gateway.port, { token: testToken })
    const repeated = await socket.ask('session.send_message', { sessionId, ...message }, { id: 'the-same' })
    expect(repeated).toMatchObject({ type: 'session.accepted', payload: first })
    const other = await socket.ask('session.send_message', { sessionId, text: 'another' }, { id: 'the-same' })
    expect(other).toMatchObject({ type: 'error', payload: { code: 'CONFLICT', status: 409 } })
    const history = await socket.ask('session.history', { sessionId, after: 0 })
    expect(history.payload['messages']).toMatchObject([
      { seq: 1, role: 'user', content: 'once' },
      { seq: 2, role: 'assistant', content: 'offline: once' },
    ])
  }
  await rm(home, { recursive: true, force: true })
})

test('a repeat while the first is under way is one session', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const text = frameText('session.create', { senderId: 'ada', channel: 'test' }, { id: 'create-once' })
  for (let repeat = 0; repeat < 10; repeat++) socket.ws.send(text)
  await expect.poll(() => socket.frames.filter(frame => frame.replyTo === 'create-once').length).toBe(10)
  const replies = socket.frames.filter(frame => frame.replyTo === 'create-once')
  expect(new Set(replies.map(frame => frame.payload['sessionId'])).size).toBe(1)
  expect(replies.filter(frame => frame.payload['duplicate'] === true)).toHaveLength(9)
  expect(await gateway.app.store.counts()).toMatchObject({ sessions: 1 })
})

test('ids are counted per token', async () => {
  await using gateway = await testGateway()
  using one = await rawSocket(gateway.port, { token: testToken })
  using two = await rawSocket(gateway.port, { token: await gateway.token('read', 'chat') })
  const sessionId = await newSession(one)
  const sent = { sessionId, text: 'mine' }
  const replies = [
    await one.ask('session.send_message', sent, { id: 'x' }),
    await two.ask('session.send_message', sent, { id: 'x' }),
  ]
  expect(replies.map(frame => frame.payload['duplicate'])).toEqual([false, false])
  expect(replies[0]?.payload['messageId']).not.toBe(replies[1]?.payload['messageId'])
})

test('a refusal is not stored: the same id works once its reason is gone', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const sessionId = await newSession(socket)
  await socket.ask('session.delete', { sessionId })
  const message = { sessionId, text: 'retry' }
  expect(await socket.ask('session.send_message', message, { id: 'retry-1' })).toMatchObject({
    payload: { code: 'SESSION_NOT_FOUND' },
  })
  await socket.ask('session.restore', { sessionId })
  expect(await socket.ask('session.send_message', message, { id: 'retry-1' })).toMatchObject({
    type: 'session.accepted',
    payload: { duplicate: false },
  })
})

test(`more than ${maxInFlight} requests in flight are OVERLOADED, and the same ids work afterwards`, async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const asked = Array.from({ length: 200 }, (_, number) => ({
    id: `create-${number}`,
    text: frameText('session.create', { senderId: `sender ${number}`, channel: 'test' }, { id: `create-${number}` }),
  }))
  // One write, so that all of them are read before the first commit.
  socket.ws.pause()
  for (const { text } of asked) socket.ws.send(text)
  socket.ws.resume()
  const replies = await Promise.all(asked.map(({ id }) => socket.until(frame => frame.replyTo === id)))
  const refused = replies.filter(frame => frame.type === 'error')
  expect(refused.length).toBeGreaterThan(0)
  for (const frame of refused) {
    expect(frame.payload).toMatchObject({
      code: 'OVERLOADED',
      status: 503,
      retryable: true,
      retryAfterMs: expect.any(Number),
    })
  }
  const served = replies.length - refused.length
  expect(served).toBeGreaterThanOrEqual(maxInFlight)
  expect(await gateway.app.store.counts()).toMatchObject({ sessions: served })
  const { replyTo: id } = refused[0] ?? {}
  const again = await socket.ask('session.create', { senderId: `sender ${id?.slice(7)}`, channel: 'test' }, { id })
  expect(again.type).toBe('session.created')
  expect(again.payload['duplicate']).toBeUndefined()
})

test('a connection that floods does not keep another waiting', async () => {
  await using gateway = await testGateway()
  using hot = await rawSocket(gateway.port, { token: testToken, keep: false })
  using calm = await rawSocket(gateway.port, { token: testToken })
  const sessionId = await newSession(calm)
  for (let number = 0; number < 5_000; number++) hot.ws.send(frameText('session.list', {}))
  const started = performance.now()
  await fill(calm, sessionId, 3)
  expect(performance.now() - started).toBeLessThan(5_000)
})
