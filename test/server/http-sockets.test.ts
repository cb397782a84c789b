import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { httpSockets, type SocketSettings, socketDefaults } from '../../src/server/http-sockets.ts'

const soon = { timeout: 15_000 }

/** A server that answers when it is told to. */
async function slowServer() {
  const waiting: ServerResponse[] = []
  const sockets: Socket[] = []
  const server = createServer((_request, response) => waiting.push(response))
  server.on('connection', socket => sockets.push(socket))
  // It would say how long it keeps a socket, which is not what is tested.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  // A server that listens on a port has an address of this shape.
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, waiting, sockets }
}

function pool(settings: Partial<SocketSettings> = {}) {
  const sockets = httpSockets({ ...socketDefaults, ...settings })
  onTestFinished(() => sockets.close())
  const get = async (url: string) => (await sockets.fetch(url, {})).text()
  return { ...sockets, get }
}

test('a request beyond the sockets waits for a free one, which is used again', async () => {
  const server = await slowServer()
  const { get, stats } = pool({ connections: 2 })
  const answers = ['a', 'b', 'c'].map(name => get(`${server.origin}/${name}`))
  await expect.poll(() => server.waiting.length, soon).toBe(2)
  expect(stats()).toEqual([
    { origin: server.origin, connected: 2, free: 0, pending: 1, queued: 1, running: 2, size: 3 },
  ])
  server.waiting[0]?.end('first')
  await expect.poll(() => server.waiting.length, soon).toBe(3)
  for (const response of server.waiting.slice(1)) response.end('later')
  expect(await Promise.all(answers)).toContain('first')
  expect(server.sockets).toHaveLength(2)
  await expect.poll(stats, soon).toMatchObject([{ connected: 2, free: 2, pending: 0, queued: 0, running: 0, size: 0 }])
})

test('each origin has sockets of its own, and one socket is a pool too', async () => {
  const [one, two] = [await slowServer(), await slowServer()]
  const { get, stats } = pool({ connections: 1 })
  const answers = [get(one.origin), get(one.origin), get(two.origin)]
  await expect.poll(() => [one.waiting.length, two.waiting.length], soon).toEqual([1, 1])
  expect(stats()).toMatchObject([
    { origin: one.origin, connected: 1, free: 0, queued: 1, running: 1, size: 2 },
    { origin: two.origin, connected: 1, free: 0, queued: 0, running: 1, size: 1 },
  ])
  one.waiting[0]?.end()
  two.waiting[0]?.end()
  await expect.poll(() => one.waiting.length, soon).toBe(2)
  one.waiting[1]?.end()
  expect(await Promise.all(answers)).toEqual(['', '', ''])
})

test('an idle socket is closed after its time', async () => {
  const server = await slowServer()
  const { get, stats } = pool({ keepAliveMs: 1 })
  const answer = get(server.origin)
  await expect.poll(() => server.waiting.length, soon).toBe(1)
  server.waiting[0]?.end('x')
  expect(await answer).toBe('x')
  const [socket] = server.sockets
  if (socket && !socket.destroyed) await once(socket, 'close')
  await expect.poll(stats, soon).toEqual([])
})

test('closing cuts what is under way; before the first request nothing is there to close', async () => {
  const server = await slowServer()
  const { get, stats, close } = pool()
  expect(stats()).toEqual([])
  const answer = get(server.origin)
  const refused = expect(answer).rejects.toThrow()
  await expect.poll(() => server.waiting.length, soon).toBe(1)
  await close()
  await refused
  await pool().close()
})
