import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { certificate, privateKey } from './certificate.ts'

/** A real web server on loopback. */
export interface WebServer extends AsyncDisposable {
  port: number
  /** `http://127.0.0.1:port`. */
  url: string
  /** What was asked of it, as `GET /path`. */
  asked: string[]
  /** The newest request's headers. */
  headers: IncomingMessage['headers']
  /** Connections that it ever took. */
  connections: () => number
}

export interface WebServerOptions {
  host?: string
  /** A certificate for `secure.test`, which nobody but a test trusts. */
  secure?: boolean
}

export async function openWebServer(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  { host = '127.0.0.1', secure = false }: WebServerOptions = {},
): Promise<WebServer> {
  const asked: string[] = []
  let headers: IncomingMessage['headers'] = {}
  const listener: RequestListener = (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    headers = request.headers
    response.on('error', () => {})
    answer(request, response)
  }
  const server = secure ? createSecureServer({ cert: certificate, key: privateKey }, listener) : createServer(listener)
  const opened = await listening(server, host)
  return {
    ...opened,
    url: `${secure ? 'https' : 'http'}://${host}:${opened.port}`,
    asked,
    get headers() {
      return headers
    },
  }
}

/** A server that speaks whatever a test wants, byte by byte. */
export async function openTcpServer(onSocket: (socket: Socket) => void, host = '127.0.0.1') {
  const opened = await listening(createTcpServer(onSocket), host)
  return { ...opened, url: `http://${host}:${opened.port}` }
}

async function listening(server: Server, host: string) {
  const sockets = new Set<Socket>()
  let count = 0
  server.on('connection', socket => {
    count += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  server.listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    connections: () => count,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
