import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { type Frame, parseFrame, writeFrame } from '../protocol/envelope.ts'
import { closeCodes, errorPayload, TalonError } from '../protocol/errors.ts'
import {
  fromLegacy,
  type LegacyFrame,
  type LegacyRuns,
  toLegacyError,
  toLegacyEvents,
  toLegacyReply,
} from '../protocol/legacy.ts'
import { isServed, supportedVersions, versionMismatch } from '../protocol/version.ts'
import type { OpenSocket, Registry } from './connections.ts'
import { dispatch } from './dispatch.ts'
import { welcome } from './hello.ts'
import type { App, Connection, Identity, Notice } from './record.ts'
import { createSubscriptions, type Subscriptions } from './subscription.ts'

/** Longest frame of a client, in bytes, before and after it has signed in. */
export const maxFrameBytes = { unauthenticated: 64 * 1024, authenticated: 1024 * 1024 }
/** Requests of one connection that wait for an answer; more are refused. */
export const maxInFlight = 64
/** Over this much unsent, deltas are dropped (a snapshot follows) and entries wait in the store. */
export const roomBytes = 1024 * 1024
// Over this much unsent, or after this long without progress, a reader is cut: it can resume.
const maxUnsentBytes = 8 * 1024 * 1024
const stalledMs = 10_000
const maxBadFrames = 20
const overloadRetryMs = 100
// A peer that does not answer the closing handshake in this time is gone.
const closeGraceMs = 2_000

export interface SocketDeps {
  app: App
  registry: Registry
  frameId: () => string
  ws: WebSocket
  /** The TCP connection below, for its `drain` event and the bytes that the kernel has not taken. */
  socket: Socket
  address: string
  identity: Identity | undefined
  /** Lets frames of the authenticated size in. */
  raiseFrameLimit: () => void
}

/** What all functions of one connection share. */
interface State extends SocketDeps {
  id: string
  connection: Connection
  subscriptions: Subscriptions
  /** Undefined until the first frame shows what the client speaks. */
  dialect: 'v1' | 'legacy' | undefined
  greeted: boolean
  legacyRuns: LegacyRuns
  inFlight: number
  badFrames: number
  openedAt: number
  pingAt: number
  missedPongs: number
  writtenBytes: number
  flushedBytes: number
  progressAt: number
  watching: (() => void) | undefined
  waitingForRoom: (() => void)[]
}

/** Serves one WebSocket until it closes. Nothing that arrives on it throws out of here. */
export function openSocket(deps: SocketDeps): void {
  const now = deps.app.clock.monotonic()
  // Filled in right below; the two need the state that holds them.
  const state = {
    ...deps,
    id: deps.app.newId(),
    dialect: undefined,
    greeted: false,
    legacyRuns: new Map(),
    inFlight: 0,
    badFrames: 0,
    openedAt: now,
    pingAt: now + deps.app.config['protocol.heartbeatMs'],
    missedPongs: 0,
    writtenBytes: 0,
    flushedBytes: 0,
    progressAt: now,
    watching: undefined,
    waitingForRoom: [],
  } as unknown as State
  state.subscriptions = createSubscriptions({
    app: deps.app,
    frameId: deps.frameId,
    send: notice => sendNotice(state, notice),
    hasRoom: () => state.ws.bufferedAmount < roomBytes,
    room: () => room(state),
    isOpen: () => isOpen(state),
    failed: error => fault(state, error),
  })
  state.connection = connectionOf(state)
  listen(state)
  const message = 'Connected to Talon Gateway'
  const frame = { id: deps.frameId(), type: 'config.updated', timestamp: deps.app.clock.now() }
  write(state, writeFrame(frame, JSON.stringify({ message })))
}

function listen(state: State): void {
  const { ws, socket, app, registry } = state
  const entry: OpenSocket = {
    kind: 'socket',
    identity: () => state.identity,
    unsentBytes: () => (ws.readyState === ws.CLOSED ? 0 : ws.bufferedAmount),
    close: (code, reason) => close(state, code, reason),
    terminate: () => ws.terminate(),
    sweep: now => sweep(state, now),
  }
  registry.register(entry)
  const stopBroadcasts = app.bus.onBroadcast(notice => sendNotice(state, notice))
  ws.on('message', (data, isBinary) => {
    if (isBinary) return close(state, closeCodes.binaryFrame, 'Text frames only')
    try {
      // `ws` hands over one Buffer per message, because binaryType stays at its default.
      receive(state, (data as Buffer).toString('utf8'))
    } catch (error) {
      fault(state, error)
    }
  })
  // `ws` answers pings by itself, past every bound of ours.
  ws.on('ping', () => {
    if (ws.bufferedAmount > maxUnsentBytes) close(state, closeCodes.slowConsumer, 'Too slow: resume')
  })
  ws.on('pong', () => {
    state.missedPongs = 0
  })
  ws.on('error', error => app.log.debug({ connectionId: state.id, err: error.message }, 'socket error'))
  socket.on('drain', () => {
    for (const waiting of state.waitingForRoom.splice(0)) waiting()
    state.subscriptions.drained()
  })
  ws.on('close', code => {
    registry.remove(entry)
    stopBroadcasts()
    state.watching?.()
    state.subscriptions.close()
    for (const waiting of state.waitingForRoom.splice(0)) waiting()
    app.log.debug({ connectionId: state.id, code }, 'connection closed')
  })
}

function connectionOf(state: State): Connection {
  return {
    id: state.id,
    subscribe: at => state.subscriptions.subscribe(at),
    follow(at) {
      if (state.subscriptions.has(at.sessionId) || !isOpen(state)) return
      const follow = async () => {
        const { resumed, start } = await state.subscriptions.subscribe(at)
        if (resumed.reset) sendEvent(state, 'session.resumed', resumed)
        start()
      }
      follow().catch(error => fault(state, error))
    },
    unsubscribe: sessionId => state.subscriptions.unsubscribe(sessionId),
    watchSessions() {
      state.watching ??= state.app.bus.onList(notice => {
        if (notice.type === 'session.deleted' && state.subscriptions.has(notice.sessionId ?? '')) return
        sendNotice(state, notice)
      })
    },
  }
}

function receive(state: State, text: string): void {
  if (!isOpen(state)) return
  if (!state.identity && Buffer.byteLength(text) > maxFrameBytes.unauthenticated) {
    return close(state, closeCodes.frameTooLarge, 'Sign in first')
  }
  let frame: Frame
  try {
    frame = parseFrame(text)
  } catch (error) {
    return badFrame(state, error)
  }
  state.dialect ??= frame.version === undefined && state.app.config['protocol.legacy'] ? 'legacy' : 'v1'
  if (state.dialect === 'v1' && (frame.version === undefined || !isServed(frame.version))) {
    return refuseVersion(state, frame, frame.version ?? 'none')
  }
  if (frame.type === 'hello' && state.dialect === 'v1') return void hello(state, frame)
  if (!state.identity) return refuseStranger(state, frame)
  serve(state, frame, state.identity)
}

/** One request of somebody who is signed in. */
function serve(state: State, frame: Frame, identity: Identity): void {
  if (state.inFlight >= maxInFlight) {
    const refused = `At most ${maxInFlight} requests of one connection wait for an answer.`
    return sendError(state, frame, new TalonError('OVERLOADED', refused, { retryAfterMs: overloadRetryMs }))
  }
  const legacy = state.dialect === 'legacy'
  let after: (() => void)[] | undefined
  const finish = (type: string, payload: Record<string, unknown>) => {
    state.badFrames = 0
    sendReply(state, frame, type, payload)
    for (const then of after ?? []) then()
  }
  const asking = {
    caller: identity,
    connection: state.connection,
    // v0.3 numbered its frames anew in every process, so its ids say nothing about repeats.
    requestId: legacy ? undefined : frame.id,
    afterReply: (then: () => void) => {
      after ??= []
      after.push(then)
    },
  }
  try {
    const payload = legacy ? fromLegacy(frame.type, frame.payload) : frame.payload
    const reply = dispatch(state.app, frame.type, payload, asking)
    if (!(reply instanceof Promise)) return finish(reply.type, reply.payload)
    state.inFlight += 1
    reply
      .then(settled => finish(settled.type, settled.payload))
      .catch(error => failRequest(state, frame, error))
      .finally(() => {
        state.inFlight -= 1
      })
  } catch (error) {
    failRequest(state, frame, error)
  }
}

async function hello(state: State, frame: Frame): Promise<void> {
  const { greeted } = state
  state.inFlight += 1
  try {
    const welcoming = welcome(state, frame)
    // Before the token is looked up, so that a second hello does not slip in meanwhile.
    state.greeted = true
    const { identity, payload, resume } = await welcoming
    if (!isOpen(state)) return
    state.identity = identity
    state.raiseFrameLimit()
    sendReply(state, frame, 'welcome', payload)
    for (const at of resume) await resumeSession(state, identity, at)
  } catch (error) {
    state.greeted = greeted
    failRequest(state, frame, error)
    if (!(error instanceof TalonError)) return
    if (error.code === 'VERSION_MISMATCH') close(state, closeCodes.version, 'Version mismatch')
    if (error.code === 'UNAUTHENTICATED') close(state, closeCodes.authenticationFailed, 'Authentication failed')
    if (error.code === 'RATE_LIMITED') close(state, closeCodes.limitExceeded, 'Too many failed sign-ins')
  } finally {
    state.inFlight -= 1
  }
}

async function resumeSession(
  state: State,
  identity: Identity,
  at: { sessionId: string; epoch: number; after: number },
) {
  try {
    if (!identity.scopes.has('read'))
      throw new TalonError('FORBIDDEN', 'To resume a session needs a token with the scope "read".')
    const { resumed, start } = await state.subscriptions.subscribe(at)
    sendEvent(state, 'session.resumed', resumed)
    start()
  } catch (error) {
    sendEvent(state, 'session.error', { ...errorPayload(error), sessionId: at.sessionId })
  }
}

function refuseVersion(state: State, frame: Frame, spoken: string): void {
  const supported = [...supportedVersions]
  sendError(state, frame, new TalonError('VERSION_MISMATCH', versionMismatch(spoken), { supported }))
  if (frame.type === 'hello') close(state, closeCodes.version, 'Version mismatch')
}

/** A v0.3 client cannot sign in by a frame, so it is told and let go; another one may still say hello. */
function refuseStranger(state: State, frame: Frame): void {
  sendError(state, frame, new TalonError('UNAUTHENTICATED', 'Sign in first: the first frame is "hello" with a token.'))
  if (state.dialect === 'legacy') close(state, closeCodes.notAuthenticated, 'Not signed in')
}

function badFrame(state: State, error: unknown): void {
  const details = error instanceof TalonError ? error.extras.details : undefined
  const id = typeof details === 'object' && details !== null && 'id' in details ? String(details.id) : undefined
  failRequest(state, id === undefined ? undefined : { id }, error)
}

function failRequest(state: State, frame: { id: string } | undefined, error: unknown): void {
  if (!(error instanceof TalonError)) {
    const errorId = state.app.newId()
    state.app.log.error({ connectionId: state.id, errorId, err: error }, 'a request failed')
  }
  sendError(state, frame, error)
  if (!(error instanceof TalonError) || error.code !== 'INVALID_MESSAGE') return
  state.badFrames += 1
  if (state.badFrames >= maxBadFrames) close(state, closeCodes.tooManyBadFrames, 'Too many bad frames')
}

function sendError(state: State, frame: { id: string } | undefined, error: unknown): void {
  const payload = errorPayload(error)
  const type = payload.code === 'SESSION_NOT_FOUND' ? 'session.error' : 'error'
  if (state.dialect === 'legacy') return writeLegacy(state, toLegacyError(payload), frame?.id)
  sendFrame(state, type, payload, frame?.id)
}

function sendReply(state: State, frame: Frame, type: string, payload: Record<string, unknown>): void {
  if (state.dialect !== 'legacy') return sendFrame(state, type, payload, frame.id)
  const reply = toLegacyReply(type, payload)
  if (reply) writeLegacy(state, reply, frame.id)
}

/** An event for this connection alone. */
function sendEvent(state: State, type: 'session.resumed' | 'session.error', payload: Record<string, unknown>): void {
  if (state.dialect === 'legacy')
    for (const frame of toLegacyEvents(type, payload, state.legacyRuns)) writeLegacy(state, frame)
  else sendFrame(state, type, payload)
}

function sendFrame(state: State, type: string, payload: unknown, replyTo?: string): void {
  const frame = { id: state.frameId(), type, replyTo, timestamp: state.app.clock.now() }
  write(state, writeFrame(frame, JSON.stringify(payload)))
}

function sendNotice(state: State, notice: Notice): void {
  if (!state.identity) return
  if (state.dialect !== 'legacy') return write(state, notice.text)
  for (const frame of toLegacyEvents(notice.type, notice.payload, state.legacyRuns)) writeLegacy(state, frame)
}

function writeLegacy(state: State, frame: LegacyFrame, replyTo?: string): void {
  sendFrame(state, frame.type, frame.payload, replyTo)
}

function write(state: State, text: string): void {
  const { ws, registry } = state
  if (ws.readyState !== ws.OPEN) return
  const before = ws.bufferedAmount
  ws.send(text)
  const unsent = ws.bufferedAmount
  state.writtenBytes += Math.max(0, unsent - before)
  if (unsent <= roomBytes) return
  // One frame may be larger than the bound, if nothing else waits before it.
  if (unsent > maxUnsentBytes && before > 0) return close(state, closeCodes.slowConsumer, 'Too slow: resume')
  registry.relieve()
}

function close(state: State, code: number, reason: string): void {
  const { ws } = state
  if (ws.readyState !== ws.OPEN) return
  state.subscriptions.close()
  ws.close(code, reason)
  setTimeout(() => ws.terminate(), closeGraceMs).unref()
}

function sweep(state: State, now: number): void {
  const { app, identity, ws } = state
  if (!identity && now - state.openedAt > app.config['protocol.helloTimeoutMs']) {
    return close(state, closeCodes.notAuthenticated, 'No sign-in in time')
  }
  if (identity?.expiresAt !== undefined && identity.expiresAt <= app.clock.now()) {
    return close(state, closeCodes.tokenRevoked, 'Signed out')
  }
  const flushed = state.writtenBytes - unsentBytes(state)
  if (ws.bufferedAmount === 0 || flushed !== state.flushedBytes) state.progressAt = now
  state.flushedBytes = flushed
  if (now - state.progressAt > stalledMs) return close(state, closeCodes.slowConsumer, 'Too slow: resume')
  if (now < state.pingAt) return
  if (state.missedPongs >= 2) return close(state, closeCodes.heartbeatLost, 'Heartbeat lost')
  state.missedPongs += 1
  state.pingAt = now + app.config['protocol.heartbeatMs']
  ws.ping()
}

/** What the kernel has not taken yet, to the byte: `bufferedAmount` counts a frame as unsent until the last byte of it is gone. */
function unsentBytes(state: State): number {
  // Node keeps the figure on the handle, which its types leave out; without it a frame counts as a whole.
  const handle = (state.socket as Socket & { _handle?: { writeQueueSize?: number } | null })._handle
  return Math.min(state.ws.bufferedAmount, handle?.writeQueueSize ?? Number.POSITIVE_INFINITY)
}

function isOpen(state: State): boolean {
  return state.ws.readyState === state.ws.OPEN
}

function room(state: State): Promise<void> {
  if (!isOpen(state) || state.ws.bufferedAmount < roomBytes) return Promise.resolve()
  return new Promise(resolve => state.waitingForRoom.push(resolve))
}

function fault(state: State, error: unknown): void {
  state.app.log.error({ connectionId: state.id, err: error }, 'a connection failed')
}
