import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ClientState } from '../../src/client/index.ts'
import { backoffMs, settingsOf } from '../../src/client/settings.ts'
import { closeCodes } from '../../src/protocol/errors.ts'
import { supportedVersions } from '../../src/protocol/version.ts'
import { scriptedGateway } from '../support/scripted-gateway.ts'
import { clientForTest, connected, gatewayForTest, stateOf } from './fixture.ts'

test('hello names the client, its versions and its token, and nothing to resume', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url, { client: { name: 'probe', version: '9' } })
  expect(client.state).toEqual({ status: 'connecting' })
  const connection = await gateway.connection()
  const hello = await connection.welcome({ connectionId: 'c7' })
  expect(hello).toEqual({
    token: 'tln_test_secret',
    client: { name: 'probe', version: '9' },
    versions: supportedVersions,
  })
  await stateOf(client, 'open')
  expect(client.state).toEqual({ status: 'open', resumed: 0 })
  expect(client.welcome?.connectionId).toBe('c7')
})

test('a page sends no token, because its cookie speaks for it', async () => {
  const gateway = await gatewayForTest()
  clientForTest(gateway.url, { token: undefined })
  expect(await (await gateway.connection()).welcome()).not.toHaveProperty('token')
})

test.each([
  ['http://a.example:8080', 'ws://a.example:8080/ws'],
  ['https://a.example/', 'wss://a.example/ws'],
  ['ws://a.example/ws', 'ws://a.example/ws'],
  ['wss://a.example/talon/ws/', 'wss://a.example/talon/ws'],
  ['https://a.example/talon?token=secret#x', 'wss://a.example/talon/ws'],
])('%s is reached at %s', (url, socketUrl) => {
  expect(settingsOf({ url }).url()).toBe(socketUrl)
})

test('a gateway that moves is looked for at each try, and nobody who can say where it is counts as a failed one', async () => {
  const first = await gatewayForTest()
  const second = await gatewayForTest()
  const places = [{ url: first.url, token: 'one' }, undefined, { url: second.url, token: 'two' }]
  let at = 0
  const place = () => {
    const found = places[at]
    if (!found) {
      at += 1
      throw new Error('It is gone.')
    }
    return found
  }
  const client = clientForTest('', { url: () => place().url, token: () => place().token, random: () => 0 })
  const connection = await first.connection()
  expect((await connection.welcome())['token']).toBe('one')
  await stateOf(client, 'open')
  at = 1
  connection.cut()
  expect((await (await second.connection()).welcome())['token']).toBe('two')
  await stateOf(client, 'open')
})

test('an address that is none throws at once', () => {
  expect(() => clientForTest('nowhere')).toThrow(TypeError)
})

test('nothing but hello is sent before welcome', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url)
  const answer = client.request('gateway.status', {})
  answer.catch(() => {})
  const connection = await gateway.connection()
  const hello = await connection.expect('hello')
  expect(connection.untaken()).toEqual([])
  connection.send('welcome', { version: '1.0.0', scopes: [], limits: {}, heartbeatMs: 1e4 }, { replyTo: hello.id })
  await connection.expect('gateway.status')
})

test('a newer major is refused in words that name both versions, and is not tried again', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url)
  const waiting = client.request('ping', {})
  const connection = await gateway.connection()
  const hello = await connection.expect('hello')
  const mismatch = {
    code: 'VERSION_MISMATCH',
    status: 426,
    error: 'no',
    retryable: false,
    supported: ['2.0.0', '2.1.0'],
  }
  connection.send('error', mismatch, { replyTo: hello.id })
  connection.close(closeCodes.version)
  expect(await stateOf(client, 'closed')).toEqual({
    status: 'closed',
    reason: 'version',
    message: 'This client speaks protocol 1.0.0; the gateway speaks 2.0.0, 2.1.0. Update the older of the two.',
  })
  await expect(waiting).rejects.toMatchObject({ code: 'VERSION_MISMATCH', status: 426, retryable: false })
  expect(gateway.count()).toBe(1)
})

test('a welcome in a version that is not ours is a mismatch too', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url)
  await (await gateway.connection()).welcome({ version: '3.0.0' })
  expect((await stateOf(client, 'closed')).message).toContain('the gateway speaks 3.0.0')
})

test.each([
  [closeCodes.version, 'version'],
  [closeCodes.authenticationFailed, 'auth'],
  [closeCodes.tokenRevoked, 'revoked'],
])('close code %i is final: %s', async (code, reason) => {
  const { gateway, client, connection } = await connected()
  const states: ClientState[] = []
  client.onState(state => states.push(state))
  connection.close(code)
  expect((await stateOf(client, 'closed')).reason).toBe(reason)
  await expect(client.request('ping', {})).rejects.toMatchObject({ name: 'TalonClientError' })
  expect(states.map(state => state.status)).toEqual(['closed'])
  expect(gateway.count()).toBe(1)
})

test('an UNAUTHENTICATED answer to hello closes for good, with the sentence of the gateway', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url)
  const connection = await gateway.connection()
  const hello = await connection.expect('hello')
  const refusal = { code: 'UNAUTHENTICATED', status: 401, error: 'This token has expired.', retryable: false }
  connection.send('error', refusal, { replyTo: hello.id })
  connection.close(closeCodes.authenticationFailed)
  expect(await stateOf(client, 'closed')).toEqual({
    status: 'closed',
    reason: 'auth',
    message: 'This token has expired.',
  })
})

test.each([closeCodes.restart, closeCodes.slowConsumer, closeCodes.heartbeatLost])(
  'close code %i is followed by another try',
  async code => {
    const { gateway, client, connection } = await connected()
    connection.close(code)
    await (await gateway.connection()).welcome()
    await stateOf(client, 'open')
  },
)

test('a hello that is refused for now waits at least as long as the gateway says', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url)
  const connection = await gateway.connection()
  const hello = await connection.expect('hello')
  const refusal = { code: 'RATE_LIMITED', status: 429, error: 'Later.', retryable: true, retryAfterMs: 60_000 }
  connection.send('error', refusal, { replyTo: hello.id })
  expect((await stateOf(client, 'reconnecting')).nextInMs).toBe(60_000)
})

test('the back-off is full jitter under a doubling bound with a cap', () => {
  for (const random of [0, 0.5, 0.999]) {
    const settings = settingsOf({ url: 'http://a.example', random: () => random })
    for (let attempt = 0; attempt < 40; attempt++) {
      expect(backoffMs(attempt, settings)).toBe(random * Math.min(30_000, 250 * 2 ** attempt))
    }
  }
})

test('attempts count up while nothing is stable, and the state says when the next is due', async () => {
  const { client, gateway, connection } = await connected({ random: () => 0.5, backoffBaseMs: 2, stableAfterMs: 1e9 })
  const waits: number[] = []
  client.onState(state => {
    if (state.status === 'reconnecting' && state.nextInMs > 0) waits.push(state.nextInMs)
  })
  connection.cut()
  for (let round = 0; round < 3; round++) {
    const next = await gateway.connection()
    await next.welcome()
    await stateOf(client, 'open')
    next.cut()
  }
  await stateOf(client, 'reconnecting', state => state.attempt === 4)
  expect(waits).toEqual([1, 2, 4, 8])
})

test('a stable connection starts the back-off anew', async () => {
  const { client, gateway, connection } = await connected({ stableAfterMs: 0 })
  connection.cut()
  const second = await gateway.connection()
  await second.welcome()
  await stateOf(client, 'open')
  second.cut()
  expect((await stateOf(client, 'reconnecting')).attempt).toBe(1)
})

test('a gateway that is not there yet is found when it comes', async () => {
  const early = await scriptedGateway()
  await early.close()
  const client = clientForTest(early.url, { random: () => 0.1 })
  await stateOf(client, 'reconnecting')
  const gateway = await scriptedGateway(Number(new URL(early.url).port))
  onTestFinished(() => gateway.close())
  await (await gateway.connection()).welcome()
  await stateOf(client, 'open')
})

test('a host that accepts and says nothing is given up', async () => {
  const held: Socket[] = []
  const silent = createServer(socket => held.push(socket)).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  onTestFinished(() => {
    for (const socket of held) socket.destroy()
    silent.close()
  })
  const address = silent.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const client = clientForTest(`http://127.0.0.1:${port}`, { connectTimeoutMs: 20, random: () => 1 })
  expect(await stateOf(client, 'reconnecting')).toMatchObject({ attempt: 1, nextInMs: 250 })
})

test('a silent link is asked with a ping, and kept if it answers', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url)
  const connection = await gateway.connection()
  await connection.welcome({ heartbeatMs: 10 })
  const ping = await connection.expect('ping')
  connection.send('pong', {}, { replyTo: ping.id })
  await connection.expect('ping')
  expect(client.state.status).toBe('open')
  expect(gateway.count()).toBe(1)
})

test('a link that swallows everything is given up, and a new one is opened', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url, { probeTimeoutMs: 20 })
  const connection = await gateway.connection()
  await connection.welcome({ heartbeatMs: 10 })
  await stateOf(client, 'open')
  connection.freeze()
  await (await gateway.connection()).welcome()
  await stateOf(client, 'open')
})

test('a draining gateway shows in the state, before and after the connection closes', async () => {
  const { gateway, client, connection } = await connected()
  connection.send('gateway.draining', { restartExpectedMs: 1_000 })
  expect(await stateOf(client, 'open', state => state.reason === 'draining')).toMatchObject({ resumed: 0 })
  connection.close(closeCodes.restart)
  expect((await stateOf(client, 'reconnecting')).reason).toBe('draining')
  await (await gateway.connection()).welcome()
  expect(await stateOf(client, 'open')).not.toHaveProperty('reason')
})

test('the network coming back makes an immediate try', async () => {
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  onTestFinished(() => {
    vi.unstubAllGlobals()
  })
  const { gateway, client, connection } = await connected({
    random: () => 1,
    backoffBaseMs: 60_000,
    backoffCapMs: 60_000,
  })
  connection.cut()
  expect((await stateOf(client, 'reconnecting')).nextInMs).toBe(60_000)
  page.dispatchEvent(new Event('online'))
  await (await gateway.connection()).welcome()
  await stateOf(client, 'open')
})

test('close ends the connection, and what is asked afterwards is refused', async () => {
  const { gateway, client, connection } = await connected()
  const waiting = client.request('gateway.status', {})
  await connection.expect('gateway.status')
  client.close()
  client.close()
  await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED', status: 499 })
  await expect(client.request('ping', {})).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(client.state).toMatchObject({ status: 'closed', reason: 'closed' })
  expect(await connection.closed).toBe(1000)
  expect(gateway.count()).toBe(1)
})

test('text that is no frame is passed over', async () => {
  const { client, connection } = await connected()
  for (const text of ['', 'null', '[]', '{', '{"type":"x"}', '{"type":"pong","payload":null}'])
    connection.sendText(text)
  const answer = client.request('ping', {})
  connection.send('pong', {}, { replyTo: (await connection.expect('ping')).id })
  expect(await answer).toEqual({})
})

test('whoever does not want to wait for the next try has it at once, and a client that is closed stays so', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url, { random: () => 1, backoffBaseMs: 60_000, backoffCapMs: 60_000 })
  const first = await gateway.connection()
  await first.welcome()
  await stateOf(client, 'open')
  // Nothing waits.
  client.retryNow()
  first.cut()
  expect((await stateOf(client, 'reconnecting')).nextInMs).toBe(60_000)
  client.retryNow()
  expect(client.state).toMatchObject({ status: 'reconnecting', nextInMs: 0 })
  const second = await gateway.connection()
  await second.welcome()
  await stateOf(client, 'open')
  second.cut()
  await stateOf(client, 'reconnecting')
  client.close()
  client.retryNow()
  expect(client.state.status).toBe('closed')
  expect(gateway.count()).toBe(2)
})
