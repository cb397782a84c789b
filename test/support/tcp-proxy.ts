import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A network between a browser and the gateway that can fail. */
export interface TcpProxy {
  /** Origin to connect to. */
  url: string
  /** Cuts every connection, and refuses new ones until `restore`. */
  cut(): void
  restore(): void
  close(): Promise<void>
}

/** Forwards connections to the port of an origin, byte by byte. */
export async function openTcpProxy(target: string): Promise<TcpProxy> {
  const port = Number(new URL(target).port)
  const sockets = new Set<Socket>()
  let isCut = false
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // A cut is what this is for.
    socket.on('error', () => socket.destroy())
  }
  const server = createServer(socket => {
    keep(socket)
    if (isCut) {
      socket.destroy()
      return
    }
    const upstream = connect(port, '127.0.0.1')
    keep(upstream)
    socket.pipe(upstream).pipe(socket)
    socket.on('close', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The proxy has no port.')
  const destroyAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut() {
      isCut = true
      destroyAll()
    },
    restore() {
      isCut = false
    },
    async close() {
      destroyAll()
      server.close()
      await once(server, 'close')
    },
  }
}
