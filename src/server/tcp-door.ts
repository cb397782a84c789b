import type { Server, Socket } from 'node:net'
import { bucketOf } from './attempts.ts'
import { createProxies } from './client-address.ts'
import type { App } from './record.ts'

/** What plain HTTP may keep open beside the WebSockets; and one WebSocket too many still gets an answer that says so. */
export const spareConnections = 256

/**
 * Ends TCP connections beyond those of an address, and of all together, before they have said anything: what never
 * finishes its first request is not counted anywhere else, and each one takes a file descriptor.
 */
export function guardPort(server: Pick<Server, 'on'>, app: Pick<App, 'config' | 'limits'>): void {
  const { config, limits } = app
  const isProxy = createProxies(() => config['server.trustedProxies'])
  const open = new Map<string, number>()
  let all = 0
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? 'unknown'
    const key = bucketOf(address)
    const count = open.get(key) ?? 0
    const refusing =
      all >= config['server.maxConnections'] + spareConnections
        ? 'connections'
        : // Behind a proxy are many, each of which is counted when it upgrades.
          limits.enabled() && count >= config['limits.connectionsPerAddress'] + spareConnections && !isProxy(address)
          ? 'connectionsPerAddress'
          : undefined
    if (refusing) {
      limits.noteRefusal(refusing)
      return void socket.destroy()
    }
    all += 1
    open.set(key, count + 1)
    socket.once('close', () => {
      all -= 1
      const left = (open.get(key) ?? 1) - 1
      if (left > 0) open.set(key, left)
      else open.delete(key)
    })
  })
}
