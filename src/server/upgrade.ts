import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ServerType } from '@hono/node-server'
import { createNodeWebSocket } from '@hono/node-ws'
import { Hono } from 'hono'
import type { WebSocket } from 'ws'
import { TalonError } from '../protocol/errors.ts'
import { bucketOf } from './attempts.ts'
import { maxFrameBytes } from './bounds.ts'
import { createClientAddress, type Peer } from './client-address.ts'
import type { Registry } from './connections.ts'
import { cookieOf } from './cookies.ts'
import { bearerToken, hasTokenInUrl } from './credentials.ts'
import type { Gatehouse } from './origin.ts'
import { describeProblem } from './problem.ts'
import type { App, From, Identity } from './record.ts'
import { openSocket } from './socket.ts'

// RFC 6455 section 4.1: 16 bytes in base64.
const keyForm = /^[+/0-9A-Za-z]{22}==$/
// Tokens of RFC 9110 section 5.6.2 between commas.
const protocolsForm = /^[!#$%&'*+\-.^_`|~\w]+(?:, ?[!#$%&'*+\-.^_`|~\w]+)*$/

interface UpgradeDeps {
  app: App
  registry: Registry
  gatehouse: Gatehouse
  frameId: () => string
  /** Who everybody is, with `auth.mode=none`. */
  anybody: Identity | undefined
}

interface Admitted {
  from: From
  identity: Identity | undefined
}

/**
 * Stands before the WebSocket adapter: an upgrade that reaches it is well-formed, from an allowed host and origin, within
 * the limits, and on a socket that is alive. Everything else is refused here, with a whole HTTP answer. Nothing but this
 * file knows the adapter.
 */
export function guardUpgrades(server: ServerType, deps: UpgradeDeps): void {
  const admitted = new WeakMap<IncomingMessage, Admitted>()
  const accept = adapter(deps, admitted)
  const addressOf = createClientAddress(() => deps.app.config['server.trustedProxies'])
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Without a listener a reset of the peer would end the process.
    socket.on('error', error => deps.app.log.debug({ err: error.message }, 'a connection broke'))
    admit({ ...deps, addressOf }, request)
      .then(admission => {
        if (socket.destroyed || !socket.readable || !socket.writable) return socket.destroy()
        admitted.set(request, admission)
        return accept(request, socket, head)
      })
      .catch(error => refuse(deps, socket, error))
  })
}

/** Whether an `Upgrade` header is for us. Another one, such as the `h2c` of Java's client, is no reason not to answer. */
export function asksForWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket'
}

/** The one use of `@hono/node-ws`: its upgrade listener, called for what was admitted. */
function adapter(deps: UpgradeDeps, admitted: WeakMap<IncomingMessage, Admitted>) {
  // `env` is what the adapter makes for one upgrade: it carries the request.
  const http = new Hono<{ Bindings: { incoming: IncomingMessage } }>()
  const { injectWebSocket, upgradeWebSocket, wss } = createNodeWebSocket({ app: http, baseUrl: 'http://localhost' })
  wss.options.maxPayload = maxFrameBytes.unauthenticated
  http.get(
    '/ws',
    upgradeWebSocket(c => ({
      onOpen(_event, context) {
        const incoming: IncomingMessage = c.env.incoming
        const admission = admitted.get(incoming)
        const ws = context.raw as WebSocket | undefined // The adapter is generic over the socket; this is the one of `ws`.
        if (!admission || !ws) return
        const raiseFrameLimit = () => raiseLimit(ws)
        if (admission.identity) raiseFrameLimit()
        // The adapter adds its listeners after this; without them its objects of this upgrade are free to go, which is a
        // third of what an idle connection holds, and frames come from the raw socket, a quarter faster.
        queueMicrotask(() => {
          ws.removeAllListeners()
          ws.on('close', () => wss.clients.delete(ws))
          openSocket({ ...deps, ...admission, ws, socket: incoming.socket as Socket, raiseFrameLimit })
        })
      },
    })),
  )
  let listener: ((request: IncomingMessage, socket: Duplex, head: Buffer) => unknown) | undefined
  // The adapter only ever calls `on('upgrade', …)` of what it is injected into.
  const catcher = { on: (_event: string, handle: typeof listener) => (listener = handle) }
  injectWebSocket(catcher as unknown as ServerType)
  return (request: IncomingMessage, socket: Duplex, head: Buffer) => listener?.(request, socket, head)
}

/** `ws` takes the limit at the upgrade only, so it is raised where `ws` keeps it; a test sends a frame of that size. */
function raiseLimit(ws: WebSocket): void {
  const { _receiver: receiver } = ws as unknown as { _receiver?: { _maxPayload: number } }
  if (receiver) receiver._maxPayload = maxFrameBytes.authenticated
}

/** @throws TalonError that says why this upgrade is refused */
async function admit(
  deps: UpgradeDeps & { addressOf: (peer: Peer) => string },
  request: IncomingMessage,
): Promise<Admitted> {
  const { app, gatehouse, registry } = deps
  const { headers } = request
  if (!gatehouse.servesHost(headers.host)) throw new TalonError('MISDIRECTED', 'This host name is not served here.')
  const url = request.url ?? ''
  if (url !== '/ws' && !url.startsWith('/ws?')) throw new TalonError('NOT_FOUND', 'WebSockets are served at /ws.')
  if (request.method !== 'GET' || !asksForWebSocket(request)) {
    throw new TalonError('INVALID_MESSAGE', 'This is no WebSocket upgrade.')
  }
  if (!keyForm.test(headers['sec-websocket-key'] ?? '') || headers['sec-websocket-version'] !== '13') {
    throw new TalonError('INVALID_MESSAGE', 'Sec-WebSocket-Key or Sec-WebSocket-Version is not valid.')
  }
  if (!validProtocols(headers['sec-websocket-protocol'])) {
    throw new TalonError('INVALID_MESSAGE', 'Sec-WebSocket-Protocol is not valid.')
  }
  if (headers.origin !== undefined && !gatehouse.servesOrigin(headers.origin, headers.host)) {
    throw new TalonError('FORBIDDEN', 'This origin may not connect.')
  }
  if (hasTokenInUrl(url)) {
    throw new TalonError('INVALID_MESSAGE', 'A token in a URL ends up in logs: send it as a header or in "hello".')
  }
  if (app.lifecycle.draining())
    throw new TalonError('DRAINING', 'The gateway is shutting down.', { retryAfterMs: 2_000 })
  if (registry.size() >= app.config['server.maxConnections']) {
    app.limits.noteRefusal('connections')
    throw new TalonError('OVERLOADED', 'Too many connections.', { retryAfterMs: 5_000 })
  }
  const forwardedFor = headers['x-forwarded-for']
  const address = deps.addressOf({
    remoteAddress: request.socket.remoteAddress,
    forwardedFor: Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor,
  })
  const from: From = { channel: 'ws', address, userAgent: headers['user-agent'] }
  const identity = deps.anybody ?? (await identify(app, request, from))
  if (!identity && registry.unauthenticated() >= app.config['server.maxUnauthenticated']) {
    app.limits.noteRefusal('unauthenticatedConnections')
    throw new TalonError('OVERLOADED', 'Too many connections that have not signed in.', { retryAfterMs: 5_000 })
  }
  if (identity) app.limits.take('reads', identity.tokenId)
  else app.limits.take('unauthenticatedRequests', bucketOf(address))
  // One that is gone would never close.
  if (!request.socket.destroyed) request.socket.once('close', app.limits.enter(address))
  return { from, identity }
}

/** Below the adapter `ws` refuses a list that is malformed or names one twice, and the adapter would wait for ever. */
function validProtocols(header: string | undefined): boolean {
  if (header === undefined) return true
  const names = header.split(/, ?/)
  return protocolsForm.test(header) && new Set(names).size === names.length
}

/** Who upgrades; undefined if the first frame has to tell. */
async function identify(app: App, request: IncomingMessage, from: From): Promise<Identity | undefined> {
  const { authorization, cookie, origin } = request.headers
  if (authorization !== undefined) {
    const identity = await app.auth.verifyToken(bearerToken(authorization), from)
    if (!identity) throw new TalonError('UNAUTHENTICATED', 'This token is not valid.')
    return identity
  }
  const secret = cookieOf(cookie)
  if (secret === undefined) return undefined
  // A browser always tells the origin of an upgrade; without one a cookie proves nothing.
  if (origin === undefined) throw new TalonError('FORBIDDEN', 'A cookie upgrades only together with an Origin.')
  // A browser cannot see why an upgrade was refused, so one whose sign-in has ended learns it from the answer to "hello".
  return app.auth.verifyCookie(secret, from)
}

function refuse(deps: UpgradeDeps, socket: Duplex, error: unknown): void {
  if (!(error instanceof TalonError)) deps.app.log.error({ err: error }, 'an upgrade failed')
  if (!socket.writable) return void socket.destroy()
  const problem = describeProblem(error)
  const { status, code } = problem.payload
  deps.app.metrics.inc('talon_errors_total', code)
  const body = JSON.stringify(problem.body)
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? code}`,
    'Connection: close',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    'Sec-WebSocket-Version: 13',
    ...Object.entries(problem.headers).map(([name, value]) => `${name}: ${value}`),
  ]
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`)
  // A peer that does not close its half would keep the socket for ever.
  socket.once('finish', () => socket.destroy())
}
