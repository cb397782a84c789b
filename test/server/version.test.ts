import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { frameText, rawSocket } from '../support/raw-socket.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await testGateway()
})
afterAll(() => gateway[Symbol.asyncDispose]())

const created = { senderId: 'ada', channel: 'test' }
const client = { name: 'raw', version: '1' }

test.each(['1.0.0', '1.0.7', '1.9.0', '1.0.0-beta.1', '1.2.3+build'])(
  'a request of version %s is served',
  async version => {
    const before = await gateway.app.store.counts()
    using socket = await rawSocket(gateway.port, { token: testToken })
    const reply = await socket.ask('session.create', created, { version })
    expect(reply).toMatchObject({ type: 'session.created', version: '1.0.0' })
    expect(await gateway.app.store.counts()).toMatchObject({ sessions: before.sessions + 1 })
  },
)

test.each([
  '2.0.0',
  '0.9.9',
  '10.0.0',
  '1',
  '1.0',
  'v1.0.0',
  '01.0.0',
  '1.0.0.0',
  '',
  'latest',
  ' 1.0.0',
  '1.0.0 ',
  `1.0.0-${'x'.repeat(100)}`,
])('a request of version "%s" is refused and not executed', async version => {
  const before = await gateway.app.store.counts()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const reply = await socket.ask('session.create', created, { version })
  expect(reply).toMatchObject({
    type: 'error',
    payload: { code: 'VERSION_MISMATCH', status: 426, supported: ['1.0.0'], retryable: false },
  })
  expect((await socket.ask('ping')).type).toBe('pong')
  expect(await gateway.app.store.counts()).toEqual(before)
})

test('a frame without a version on a connection of this protocol is refused and not executed', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const reply = await socket.ask('session.create', created, { version: undefined })
  expect(reply).toMatchObject({ type: 'error', payload: { code: 'VERSION_MISMATCH', supported: ['1.0.0'] } })
  expect(await gateway.app.store.counts()).toMatchObject({ sessions: 0 })
})

test('with protocol.legacy off a first frame without a version is refused', async () => {
  await using gateway = await testGateway({ env: { TALON_PROTOCOL_LEGACY: 'false' } })
  using socket = await rawSocket(gateway.port, { headers: { Authorization: `Bearer ${testToken}` } })
  const reply = await socket.ask('gateway.status', {}, { version: undefined })
  expect(reply).toMatchObject({ payload: { code: 'VERSION_MISMATCH' } })
})

test('a client of a newer minor is served at ours', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port)
  const welcome = await socket.ask(
    'hello',
    { token: testToken, client, versions: ['2.0.0', '1.7.0'] },
    { version: '1.7.0' },
  )
  expect(welcome).toMatchObject({ type: 'welcome', version: '1.0.0', payload: { version: '1.0.0' } })
})

test.each([
  ['no common version', ['2.0.0', '3.1.0'], '1.0.0'],
  ['nonsense', ['latest'], '1.0.0'],
  ['a frame of another major', ['1.0.0'], '2.0.0'],
])('a hello with %s is told what is spoken here, and the connection ends', async (_what, versions, version) => {
  using socket = await rawSocket(gateway.port)
  const reply = await socket.ask('hello', { token: testToken, client, versions }, { version })
  expect(reply).toMatchObject({ type: 'error', payload: { code: 'VERSION_MISMATCH', supported: ['1.0.0'] } })
  expect(reply.payload['error']).toContain('1.0.0')
  expect(await socket.closed).toMatchObject({ code: 4001 })
})

test.each([
  ['no versions', { client, versions: [] }],
  ['versions that are no list', { client, versions: '1.0.0' }],
  ['seventeen versions', { client, versions: Array(17).fill('1.0.0') }],
  ['no client', { versions: ['1.0.0'] }],
  ['a token that is a number', { client, versions: ['1.0.0'], token: 7 }],
  [
    'a position that is negative',
    { client, versions: ['1.0.0'], token: testToken, resume: [{ sessionId: 'x', epoch: 1, after: -1 }] },
  ],
])('a hello with %s is refused, and a good one may follow', async (_what, payload) => {
  using socket = await rawSocket(gateway.port)
  expect(await socket.ask('hello', payload)).toMatchObject({ payload: { code: 'INVALID_MESSAGE' } })
  expect((await socket.ask('hello', { token: testToken, client, versions: ['1.0.0'] })).type).toBe('welcome')
})

test('hello is said once, however fast the second comes', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port)
  const hello = { token: testToken, client, versions: ['1.0.0'] }
  for (const id of ['first', 'second']) socket.ws.send(frameText('hello', hello, { id }))
  expect((await socket.until(frame => frame.replyTo === 'first')).type).toBe('welcome')
  expect(await socket.until(frame => frame.replyTo === 'second')).toMatchObject({
    payload: { code: 'INVALID_MESSAGE' },
  })
})
