import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { TalonError } from '../../../protocol/errors.ts'
import { connectTo } from './connect.ts'
import type { Guard } from './guard.ts'
import { isHopByHop } from './headers.ts'
import { hostOf, parseTarget, type Target } from './target.ts'

/** A page opens some tens; what goes beyond waits for nobody and is refused. */
const maxConnections = 256
/** A connection on which nothing moves for so long is dropped. */
const idleMs = 120_000
const maxHeaderBytes = 65_536

/** A proxy of HTTP on this machine, for one browser. */
export interface ForwardProxy {
  /** `http://127.0.0.1:port`. */
  url: string
  port: number
  /** Made for this proxy: without it nobody on the machine can use it. */
  username: string
  password: string
  /** Cuts every connection through it. */
  close(): Promise<void>
}

export interface ProxyOptions {
  signal: AbortSignal
  /** A socket of the file system to listen on in the place of a port, which is 0 then. */
  path?: string
  /** Told of each place that may not be reached, with the reason. */
  onRefusal?: (place: Pick<Target, 'host' | 'port'>, reason: TalonError) => void
}

interface ProxyParts extends ProxyOptions {
  guard: Guard
}

/** Forwards plain HTTP and makes tunnels by `CONNECT`, each only to where the guard lets it, on a checked address. */
export async function openProxy({ guard, signal, path, onRefusal }: ProxyParts): Promise<ForwardProxy> {
  signal.throwIfAborted()
  const username = 'talon'
  const password = randomBytes(24).toString('base64url')
  const credential = Buffer.from(`Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`)
  const stop = new AbortController()
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    socket.setTimeout(idleMs, () => socket.destroy())
  }
  const reach = async (target: Pick<Target, 'host' | 'port'>) => {
    const route = await guard.check(target, {}, stop.signal).catch(error => {
      if (error instanceof TalonError) onRefusal?.(target, error)
      throw error
    })
    const socket = await connectTo(route, stop.signal)
    keep(socket)
    return socket
  }
  const server = createServer({ maxHeaderSize: maxHeaderBytes }, (incoming, outgoing) => {
    if (!isKnown(incoming, credential)) return refuse(outgoing, 407, 'The credentials of this proxy are missing.')
    forward(incoming, outgoing, reach).catch(error => refuse(outgoing, statusOf(error), textOf(error)))
  })
  server.maxConnections = maxConnections
  server.on('connection', keep)
  server.on('connect', (incoming, client: Socket, head) => {
    if (!isKnown(incoming, credential)) return refuseTunnel(client, 407, 'Proxy Authentication Required')
    tunnel(incoming.url ?? '', client, head, reach).catch(error => refuseTunnel(client, statusOf(error), textOf(error)))
  })
  // A WebSocket comes by CONNECT; what asks to upgrade a plain request is no browser.
  server.on('upgrade', (_incoming, client) => client.destroy())
  server.on('clientError', (_error, client) => client.destroy())
  if (path === undefined) server.listen(0, '127.0.0.1')
  else server.listen(path)
  await once(server, 'listening')
  const close = async () => {
    signal.removeEventListener('abort', close)
    if (stop.signal.aborted) return
    stop.abort(new TalonError('CANCELLED', 'The proxy was closed.'))
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  signal.addEventListener('abort', close, { once: true })
  const port = path === undefined ? portOf(server.address()) : 0
  return { url: `http://127.0.0.1:${port}`, port, username, password, close }
}

type Reach = (target: Pick<Target, 'host' | 'port'>) => Promise<Socket>

async function forward(incoming: IncomingMessage, outgoing: ServerResponse, reach: Reach): Promise<void> {
  const target = parseTarget(incoming.url ?? '')
  if (target.scheme !== 'http') throw new TalonError('INVALID_MESSAGE', 'https goes by CONNECT.')
  const socket = await reach(target)
  const sent = request({
    createConnection: () => socket,
    method: incoming.method,
    path: `${target.url.pathname}${target.url.search}`,
    headers: { ...passedOn(incoming), host: target.url.host },
    maxHeaderSize: maxHeaderBytes,
  })
  sent.on('response', response => {
    outgoing.writeHead(response.statusCode ?? 502, passedOn(response))
    pipeline(response, outgoing, () => socket.destroy())
  })
  outgoing.on('close', () => socket.destroy())
  const failed = once(sent, 'error').then(([error]) => Promise.reject(error))
  failed.catch(() => {})
  pipeline(incoming, sent, () => {})
  await Promise.race([failed, once(sent, 'response'), once(sent, 'close')])
}

/** @throws TalonError as the guard */
async function tunnel(authority: string, client: Socket, head: Buffer, reach: Reach): Promise<void> {
  const [, host = '', port = ''] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]/@?#\\]+):(\d{1,5})$/.exec(authority) ?? []
  // Read as a URL reads it, so that one host has one form in every rule.
  const target = parseTarget(`http://${host}:${port}/`)
  const remote = await reach({ host: hostOf(target.url.hostname), port: Number(port) })
  if (client.destroyed) return void remote.destroy()
  client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
  if (head.length > 0) remote.write(head)
  // Either side may end its half and still read; only a failure, or the end of both, ends the other one.
  pipeline(client, remote, error => error && client.destroy())
  pipeline(remote, client, error => error && remote.destroy())
  client.on('close', () => remote.destroy())
}

function isKnown(incoming: IncomingMessage, credential: Buffer): boolean {
  const given = Buffer.from(incoming.headers['proxy-authorization'] ?? '')
  return given.length === credential.length && timingSafeEqual(given, credential)
}

function passedOn(message: IncomingMessage): Record<string, string | string[]> {
  const { connection } = message.headers
  const entries = Object.entries(message.headersDistinct).flatMap(([name, values]) =>
    isHopByHop(name, connection) ? [] : [[name, values ?? []]],
  )
  return Object.fromEntries(entries)
}

function refuse(outgoing: ServerResponse, status: number, text: string): void {
  if (outgoing.headersSent) return void outgoing.destroy()
  const challenge = status === 407 ? { 'proxy-authenticate': 'Basic realm="talon"' } : {}
  outgoing.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close', ...challenge })
  outgoing.end(`${text}\n`)
}

function refuseTunnel(client: Socket, status: number, text: string): void {
  const challenge = status === 407 ? 'Proxy-Authenticate: Basic realm="talon"\r\n' : ''
  const body = Buffer.from(`${text}\n`)
  const head = `HTTP/1.1 ${status} Refused\r\n${challenge}Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`
  client.end(Buffer.concat([Buffer.from(head), body]))
}

function statusOf(error: unknown): number {
  return error instanceof TalonError ? error.status : 502
}

function textOf(error: unknown): string {
  return error instanceof TalonError ? error.message : 'The server could not be reached.'
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (typeof address === 'object' && address !== null) return address.port
  throw new Error('The proxy has no port.')
}
