import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { roomBytes } from '../../src/server/bounds.ts'
import { createRegistry, maxUnsentBytes, type OpenSocket } from '../../src/server/connections.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { entry, everyPlace, newSession, places } from '../support/log-reader.ts'
import { clientFrame, errorLines, handSocket, opcodes, type RawSocket, rawSocket } from '../support/raw-socket.ts'

const mebibyte = 1024 * 1024
// What the code says of itself: 8 MiB and the frame that passed them.
const cutAtBytes = 8 * mebibyte + 2 * mebibyte

/** The most that any connection of this gateway holds unsent in this process. */
function fullest(gateway: TestGateway): number {
  // Undocumented, and the only way to see the sockets of a server from outside of it.
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): unknown[] }
  const ours = handles.call(process).filter(handle => handle instanceof Socket && handle.localPort === gateway.port)
  return Math.max(0, ...ours.map(handle => (handle instanceof Socket ? handle.writableLength : 0)))
}

/** Stores messages without runs, so that there is a long log at once. */
async function longLog(gateway: TestGateway, sessionId: string, messages: number, text: string): Promise<void> {
  const store = (number: number) =>
    gateway.app.store.sendMessage({
      target: { sessionId },
      messageId: `${sessionId}-${number}`,
      runId: gateway.app.newId(),
      text: `${number} ${text}`,
      tokenId: 'env',
      at: Date.now(),
    })
  for (let from = 0; from < messages; from += 500) {
    await Promise.all(Array.from({ length: Math.min(500, messages - from) }, (_, index) => store(from + index)))
  }
}

/** Stops reading, and lets so much come that the kernel takes no more and the gateway has no room left for this reader. */
async function stopReading(gateway: TestGateway, reader: RawSocket): Promise<void> {
  const sessionId = await newSession(reader)
  await longLog(gateway, sessionId, 4, 'x'.repeat(200_000))
  using other = await rawSocket(gateway.port, { token: testToken })
  reader.ws.pause()
  for (let calm = 0; calm < 3; calm++) {
    while (fullest(gateway) < roomBytes) {
      calm = 0
      reader.send('session.history', { sessionId })
      await other.ask('session.get', { sessionId })
    }
    // The kernel may widen its window once more.
    for (let round = 0; round < 20; round++) await other.ask('session.get', { sessionId })
  }
}

test('a reader that stops during big answers misses pieces, never an entry, and others do not wait', async () => {
  await using gateway = await testGateway()
  using writer = await rawSocket(gateway.port, { token: testToken })
  using slow = await rawSocket(gateway.port, { token: testToken })
  const sessionId = await newSession(writer)
  await slow.ask('session.subscribe', { sessionId })
  await stopReading(gateway, slow)
  let most = 0
  const watch = setInterval(() => (most = Math.max(most, fullest(gateway))), 1)
  const text = `${'x'.repeat(8_000)} `.repeat(100)
  for (let count = 0; count < 8; count++) {
    const { payload } = await writer.ask('session.send_message', { sessionId, text })
    await writer.until(frame => frame.type === 'run.finished' && frame.payload['runId'] === payload['runId'])
  }
  clearInterval(watch)
  expect(writer.frames.filter(frame => frame.type === 'session.message.delta')).toHaveLength(8 * 101)
  slow.ws.resume()
  await slow.until(entry(16))
  expect(places(slow, sessionId)).toEqual(everyPlace(16))
  expect(slow.frames.filter(frame => frame.type === 'session.message.delta').length).toBeLessThan(8 * 101)
  expect(most).toBeLessThan(cutAtBytes)
  expect(errorLines(gateway.logs)).toEqual([])
}, 40_000)

test('a reader that was slow during an answer gets a snapshot, then the rest of it', async () => {
  await using gateway = await testGateway()
  using writer = await rawSocket(gateway.port, { token: testToken })
  using slow = await rawSocket(gateway.port, { token: testToken })
  const [big, sessionId] = [await newSession(writer), await newSession(writer)]
  await longLog(gateway, big, 100, 'x'.repeat(200_000))
  await slow.ask('session.subscribe', { sessionId })
  await stopReading(gateway, slow)
  slow.send('session.subscribe', { sessionId: big, after: 0 })
  await writer.ask('session.send_message', { sessionId, text: '/slow 60' })
  await writer.until(frame => frame.type === 'session.message.delta' && frame.payload['index'] === 30)
  slow.ws.resume()
  const final = await slow.until(frame => frame.type === 'session.message.final')
  await slow.until(frame => frame.payload['sessionId'] === big && frame.seq === 100)
  // More than one if it fell behind again while it caught up.
  const newest = slow.frames.findLastIndex(frame => frame.type === 'session.message.snapshot')
  const rest = slow.frames.slice(newest).filter(frame => frame.type === 'session.message.delta')
  const said = `${slow.frames[newest]?.payload['text']}${rest.map(frame => frame.payload['delta']).join('')}`
  expect(final.payload['message']).toMatchObject({ content: said })
  expect(places(slow, big)).toEqual(everyPlace(100))
})

test('who asks and does not read is cut with 4008 at the bound', async () => {
  await using gateway = await testGateway()
  using writer = await rawSocket(gateway.port, { token: testToken })
  using greedy = await rawSocket(gateway.port, { token: testToken })
  const sessionId = await newSession(writer)
  await longLog(gateway, sessionId, 4, 'x'.repeat(200_000))
  greedy.ws.pause()
  let most = 0
  for (let count = 0; count < 60; count++) {
    greedy.send('session.history', { sessionId })
    if (count % 10 === 0) await writer.ask('ping')
    most = Math.max(most, fullest(gateway))
  }
  await expect.poll(() => (most = Math.max(most, fullest(gateway))), { interval: 5 }).toBeGreaterThan(7 * mebibyte)
  greedy.ws.resume()
  expect(await greedy.closed).toMatchObject({ code: 4008 })
  expect(most).toBeLessThan(cutAtBytes)
  expect((await writer.ask('ping')).type).toBe('pong')
})

test('who floods pings and does not read the pongs is cut', async () => {
  await using gateway = await testGateway()
  using attacker = await handSocket(gateway.port, { Authorization: `Bearer ${testToken}` })
  attacker.socket.pause()
  const pings = Buffer.concat(Array.from({ length: 5_000 }, () => clientFrame(opcodes.ping, Buffer.alloc(125))))
  let most = 0
  for (let round = 0; round < 60 && gateway.app.connections.count() > 0; round++) {
    await attacker.write(pings)
    most = Math.max(most, fullest(gateway))
  }
  await expect.poll(() => gateway.app.connections.count(), { timeout: 5_000 }).toBe(0)
  expect(most).toBeLessThan(cutAtBytes)
})

test('a replay of 10,000 entries is read from the store only as its reader takes it', async () => {
  await using gateway = await testGateway()
  using writer = await rawSocket(gateway.port, { token: testToken })
  using slow = await rawSocket(gateway.port, { token: testToken })
  const sessionId = await newSession(writer)
  await longLog(gateway, sessionId, 10_000, 'x'.repeat(2_000))
  await stopReading(gateway, slow)
  const stuffed = fullest(gateway)
  slow.send('session.subscribe', { sessionId, after: 0 })
  for (let round = 0; round < 50; round++) await writer.ask('ping')
  expect(fullest(gateway)).toBeLessThan(stuffed + 64 * 1024)
  await gateway.app.store.sendMessage({
    target: { sessionId },
    messageId: 'the-last',
    runId: gateway.app.newId(),
    text: 'while you did not read',
    tokenId: 'env',
    at: Date.now(),
  })
  let most = 0
  slow.ws.on('message', () => (most = Math.max(most, fullest(gateway))))
  slow.ws.resume()
  await slow.until(entry(10_001))
  expect(places(slow, sessionId)).toEqual(everyPlace(10_001))
  // One page over the bound at most, and what its JSON adds.
  expect(most).toBeLessThan(Math.max(stuffed, roomBytes) + 512 * 1024)
}, 40_000)

test('a reader that takes nothing for ten seconds is cut', async () => {
  await using gateway = await testGateway()
  using writer = await rawSocket(gateway.port, { token: testToken })
  using slow = await rawSocket(gateway.port, { token: testToken })
  await stopReading(gateway, slow)
  const started = performance.now()
  await expect.poll(() => gateway.app.connections.count(), { timeout: 16_000, interval: 100 }).toBe(1)
  expect(performance.now() - started).toBeGreaterThan(8_000)
  expect((await writer.ask('ping')).type).toBe('pong')
}, 30_000)

test('a connection that answers no ping is closed with 4009, one that does stays', async () => {
  await using gateway = await testGateway({ env: { TALON_PROTOCOL_HEARTBEAT_MS: '100' } })
  using alive = await rawSocket(gateway.port, { token: testToken })
  using dead = await rawSocket(gateway.port, { token: testToken, autoPong: false })
  let pings = 0
  dead.ws.on('ping', () => (pings += 1))
  expect(await dead.closed).toMatchObject({ code: 4009 })
  expect(pings).toBe(2)
  expect((await alive.ask('ping')).type).toBe('pong')
})

test('all connections together stay below the bound: the fullest are cut first, no more than needed', () => {
  const registry = createRegistry({
    clock: { now: () => 0, monotonic: () => 0 },
    sweepMs: 1_000,
    failed: () => undefined,
  })
  const cut: [string, number][] = []
  const add = (name: string, bytes: number) => {
    const socket: OpenSocket = {
      kind: 'socket',
      identity: () => undefined,
      unsentBytes: () => bytes,
      close: code => cut.push([name, code]),
      terminate: () => undefined,
      sweep: () => undefined,
    }
    registry.register(socket)
  }
  registry.wrote(maxUnsentBytes - 1)
  for (let number = 0; number < 8; number++) add(`even ${number}`, 7 * mebibyte)
  registry.relieve()
  expect(cut).toEqual([])
  add('small', mebibyte)
  add('full', 8 * mebibyte)
  registry.wrote(8 * mebibyte)
  expect(cut).toEqual([['full', 4008]])
  registry.stop()
  expect(maxUnsentBytes).toBe(64 * mebibyte)
})
