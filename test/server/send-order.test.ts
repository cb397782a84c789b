import { expect, test } from 'vitest'
import { testGateway, testToken } from '../support/gateway.ts'
import { rawSocket } from '../support/raw-socket.ts'

test('an acceptance leaves before the entry that it announces, also to a subscriber', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const { sessionId } = await gateway.client().request('session.create', { senderId: 'ada', channel: 'test' })
  await socket.ask('session.subscribe', { sessionId, after: 0 })
  for (const text of ['first', 'second', 'third']) {
    const id = socket.send('session.send_message', { sessionId, text })
    const isEntry = (frame: { type: string; payload: Record<string, unknown> }) =>
      frame.type === 'session.message' && JSON.stringify(frame.payload).includes(text)
    await socket.until(isEntry)
    const accepted = socket.frames.findIndex(frame => frame.replyTo === id)
    expect(accepted).toBeGreaterThan(-1)
    expect(socket.frames.findIndex(isEntry)).toBeGreaterThan(accepted)
  }
})

test('a cancel right behind a message stops the run of that message', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const { sessionId } = await gateway.client().request('session.create', { senderId: 'ada', channel: 'test' })
  const message = socket.ask('session.send_message', { sessionId, text: '/slow 2000' })
  const cancelled = await socket.ask('session.cancel', { sessionId })
  expect(cancelled.payload).toEqual({ sessionId, runId: (await message).payload['runId'] })
})

test('requests sent right behind a hello are answered', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port)
  socket.send('hello', { token: testToken, client: { name: 'test', version: '1' }, versions: ['1.0.0'] })
  expect((await socket.ask('session.list')).type).toBe('session.list')
})

test('watching the list ends when it is asked to', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  await socket.ask('session.list', { watch: true })
  const create = (senderId: string) => gateway.client().request('session.create', { senderId, channel: 'test' })
  const { sessionId } = await create('seen')
  await socket.until(frame => frame.payload['sessionId'] === sessionId)
  await socket.ask('session.list', { watch: false })
  const unseen = await create('unseen')
  await socket.ask('ping')
  expect(socket.frames.some(frame => frame.payload['sessionId'] === unseen.sessionId)).toBe(false)
})

test('a long replay is not cut because a message of the reader is being stored', async () => {
  await using gateway = await testGateway()
  const client = gateway.client()
  const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
  // Ten megabytes and more, since each is answered with its own text.
  for (let index = 0; index < 12; index++) {
    await client.request('session.send_message', { sessionId, text: `${index} `.padEnd(500_000, 'x') })
  }
  using socket = await rawSocket(gateway.port, { token: testToken })
  await socket.ask('session.subscribe', { sessionId, after: 0 })
  const accepted = await socket.ask('session.send_message', { sessionId, text: 'mine' })
  await socket.until(frame => frame.seq === accepted.payload['seq'])
  const seqs = socket.frames.flatMap(frame => (frame.seq === undefined ? [] : [frame.seq]))
  expect(seqs).toEqual(seqs.map((_, index) => index + 1))
})

test('an unsubscription right behind its subscription counts', async () => {
  await using gateway = await testGateway()
  const { sessionId } = await gateway.client().request('session.create', { senderId: 'ada', channel: 'test' })
  using socket = await rawSocket(gateway.port, { token: testToken })
  socket.send('session.subscribe', { sessionId, after: 0 })
  await socket.ask('session.unsubscribe', { sessionId })
  await gateway.client().request('session.send_message', { sessionId, text: 'unheard' })
  await socket.ask('ping')
  expect(socket.frames.some(frame => frame.type === 'session.message')).toBe(false)
})

test('a session is not made with a model that nobody has', async () => {
  await using gateway = await testGateway()
  const made = gateway.client().request('session.create', { senderId: 'ada', channel: 'test', model: 'no-such' })
  await expect(made).rejects.toMatchObject({ code: 'INVALID_MESSAGE', message: expect.stringContaining('no-such') })
})
