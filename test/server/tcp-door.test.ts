import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { maxPipelined } from '../../src/server/pipelines.ts'
import { spareConnections } from '../../src/server/tcp-door.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { rawSocket, upgradeLines } from '../support/raw-socket.ts'

/** A connection that has said only this. */
async function halfOpen(gateway: TestGateway, text = ''): Promise<Socket> {
  const socket = connect(gateway.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(text)
  return socket
}

/** Its answers so far, and what it got in all once it is closed. */
function listen(socket: Socket): { text: () => string; ended: Promise<string> } {
  let text = ''
  const { promise: ended, resolve } = Promise.withResolvers<string>()
  socket.on('data', chunk => {
    text += chunk
  })
  socket.on('close', () => resolve(text))
  return { text: () => text, ended }
}

function requests(gateway: TestGateway, count: number): string {
  return `GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n\r\n`.repeat(count)
}

test('an address that opens connections and says nothing has so many, and another one is served once they are closed', async () => {
  await using gateway = await testGateway({ env: { TALON_LIMITS_CONNECTIONS_PER_ADDRESS: '1' } })
  const open = await Promise.all(Array.from({ length: spareConnections + 1 }, () => halfOpen(gateway)))
  const refused = () => gateway.app.limits.stats().refused.connectionsPerAddress
  const tooMany = await halfOpen(gateway)
  await listen(tooMany).ended
  expect(refused()).toBeGreaterThan(0)
  for (const socket of open) socket.destroy()
  const status = () =>
    gateway.fetch('/livez').then(
      ({ status }) => status,
      () => 'refused',
    )
  await expect.poll(status, { timeout: 20_000 }).toBe(200)
})

test('all together have so many connections, whatever they are for', async () => {
  await using gateway = await testGateway({ env: { TALON_SERVER_MAX_CONNECTIONS: '1' } })
  const open = await Promise.all(Array.from({ length: spareConnections + 1 }, () => halfOpen(gateway)))
  await listen(await halfOpen(gateway)).ended
  expect(gateway.app.limits.stats().refused.connections).toBeGreaterThan(0)
  for (const socket of open) socket.destroy()
})

test('a handshake that is never finished is ended, and others do not notice', { timeout: 90_000 }, async () => {
  await using gateway = await testGateway()
  using other = await rawSocket(gateway.port, { token: testToken })
  const [begun = '', ...fields] = upgradeLines(gateway.port)
  const sockets = await Promise.all([halfOpen(gateway), halfOpen(gateway, [begun, ...fields.slice(0, 3)].join('\r\n'))])
  const ended = Promise.all(sockets.map(socket => listen(socket).ended))
  expect((await other.ask('ping')).type).toBe('pong')
  for (const text of await ended) expect(text).toMatch(/^HTTP\/1\.1 408 |^$/)
  expect((await other.ask('ping')).type).toBe('pong')
})

test('requests that come one behind the other on a connection are answered, up to so many', async () => {
  await using gateway = await testGateway()
  const fine = await halfOpen(gateway, requests(gateway, maxPipelined))
  const answers = listen(fine)
  const count = () => answers.text().split('HTTP/1.1 200').length - 1
  await expect.poll(count, { timeout: 20_000 }).toBe(maxPipelined)
  expect(gateway.app.limits.stats().refused.pipelined).toBe(0)
  // Their places are free again.
  fine.write(requests(gateway, maxPipelined))
  await expect.poll(count, { timeout: 20_000 }).toBe(2 * maxPipelined)
  fine.destroy()
})

test('a connection that sends requests on and on is cut, and others are served', async () => {
  await using gateway = await testGateway()
  using other = await rawSocket(gateway.port, { token: testToken })
  await listen(await halfOpen(gateway, requests(gateway, 10_000))).ended
  expect(gateway.app.limits.stats().refused.pipelined).toBe(1)
  expect((await other.ask('ping')).type).toBe('pong')
  expect((await gateway.fetch('/livez')).status).toBe(200)
})
