import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Frame } from '../protocol/envelope.ts'
import { closeCodes, type ErrorCode, errorPayload, TalonError } from '../protocol/errors.ts'
import { isServed, supportedVersions, versionMismatch } from '../protocol/version.ts'
import { maxFrameBytes, maxInFlight } from './bounds.ts'
import { createConnection } from './connection.ts'
import type { OpenSocket, Registry } from './connections.ts'
import { idOfBadFrame, idOfFrame } from './frame-id.ts'
import { welcome } from './hello.ts'
import type { Lane } from './limits/lanes.ts'
import { readFrame } from './metrics/frames.ts'
import { createOutlet, type Outlet } from './outlet.ts'
import type { App, Connection, From, Identity, Notice } from './record.ts'
import type { FrameMeter } from './record-limits.ts'
import { createSendOrder, type SendOrder } from './send-order.ts'
import { serve } from './serve.ts'
import { createSubscriptions, type Subscriptions } from './subscription.ts'

const maxBadFrames = 20
const heldRetryMs = 100
// What nothing good can follow, unless the client learns from it.
const badFrames: ReadonlySet<string> = new Set<ErrorCode>(['INVALID_MESSAGE', 'VERSION_MISMATCH'])
// Of one that has not signed in: a client may have sent ahead what it wants to know.
const maxEarlyFrames = 100

export interface SocketDeps {
  app: App
  registry: Registry
  frameId: () => string
  ws: WebSocket
  /** The TCP connection below. */
  socket: Socket
  from: From
  identity: Identity | undefined
  /** Lets frames of the authenticated size in. */
  raiseFrameLimit: () => void
}

/** What all functions of one connection share. */
interface State extends SocketDeps {
  id: string
  outlet: Outlet
  connection: Connection & { stop: () => void }
  subscriptions: Subscriptions
  order: SendOrder
  meter: FrameMeter
  /** Where its requests wait while others have their turn. */
  lane: Lane
  greeted: boolean
  /** Frames that came while a hello was being looked into; undefined while none is. */
  held: string[] | undefined
  inFlight: number
  badFrames: number
  earlyFrames: number
  openedAt: number
  pingAt: number
  missedPongs: number
}

/** Serves one WebSocket until it closes. Nothing that arrives on it throws out of here. */
export function openSocket(deps: SocketDeps): void {
  const { app, frameId } = deps
  const now = app.clock.monotonic()
  const outlet = createOutlet({ ...deps, clock: app.clock, drained: () => state.subscriptions.drained() })
  const order = createSendOrder(notice => outlet.notice(notice))
  const failed = (error: unknown) => fault(state, error)
  const id = app.newId()
  const meter = app.limits.meter()
  const subscriptions = createSubscriptions({
    app,
    frameId,
    send: order.notice,
    replay: order.replay,
    hasRoom: outlet.hasRoom,
    room: () => outlet.room(),
    isOpen: outlet.isOpen,
    failed,
  })
  const state: State = {
    ...deps,
    id,
    outlet,
    subscriptions,
    connection: createConnection({ app, id, frameId, outlet, meter, subscriptions, failed }),
    order,
    meter,
    lane: app.limits.lanes.open({ pause: () => deps.ws.pause(), resume: () => deps.ws.resume() }),
    greeted: false,
    held: undefined,
    inFlight: 0,
    badFrames: 0,
    earlyFrames: 0,
    openedAt: now,
    pingAt: now + app.config['protocol.heartbeatMs'],
    missedPongs: 0,
  }
  listen(state)
  outlet.event('config.updated', { message: 'Connected to Talon Gateway' })
}

function listen(state: State): void {
  const { ws, app, registry, outlet } = state
  const entry: OpenSocket = {
    kind: 'socket',
    identity: () => state.identity,
    unsentBytes: () => (ws.readyState === ws.CLOSED ? 0 : ws.bufferedAmount),
    close: (code, reason) => outlet.close(code, reason),
    terminate: () => ws.terminate(),
    sweep: now => sweep(state, now),
  }
  registry.register(entry)
  const stopBroadcasts = app.bus.onBroadcast(notice => {
    if (state.identity && mayHear(state.identity, notice)) outlet.notice(notice)
  })
  ws.on('message', (data, isBinary) => {
    if (isBinary) return outlet.close(closeCodes.binaryFrame, 'Text frames only')
    // `ws` hands over one Buffer per message, because binaryType stays at its default.
    const frame = data as Buffer
    const text = frame.toString('utf8')
    if (isAllowed(state, frame.length, text)) queue(state, text)
  })
  // `ws` answers pings by itself, so they are frames that cost like any other.
  ws.on('ping', data => isAllowed(state, data.length))
  ws.on('pong', data => {
    state.missedPongs = 0
    isAllowed(state, data.length)
  })
  ws.on('error', error => app.log.debug({ connectionId: state.id, err: error.message }, 'socket error'))
  ws.on('close', code => {
    registry.remove(entry)
    stopBroadcasts()
    state.connection.stop()
    state.subscriptions.close()
    state.lane.close()
    app.log.debug({ connectionId: state.id, closeCode: code }, 'connection closed')
  })
}

/** Names of settings tell a stranger how a gateway is protected, and arguments of tools what others do. */
function mayHear({ scopes }: Identity, { type }: Notice): boolean {
  if (type.startsWith('approval.')) return scopes.has('approve')
  return type !== 'config.updated' || scopes.has('admin')
}

/** Counts a frame before it is read, because reading is the work; a request that is one too many is told so. */
function isAllowed(state: State, bytes: number, text?: string): boolean {
  if (!state.outlet.isOpen()) return false
  try {
    state.meter.take(bytes)
    return true
  } catch (error) {
    if (state.meter.tooOften()) state.outlet.close(closeCodes.limitExceeded, 'Too many frames')
    else if (text !== undefined) failRequest(state, idOfFrame(state.app.metrics, text), error)
    return false
  }
}

/** Frames are read and served in their order, and in turn with those of others: a read of a socket may bring hundreds. */
function queue(state: State, text: string): void {
  const work = () => {
    try {
      receive(state, text)
    } catch (error) {
      fault(state, error)
    }
  }
  state.lane.run(work, error => failRequest(state, idOfFrame(state.app.metrics, text), error))
}

function receive(state: State, text: string): void {
  const { outlet, app } = state
  if (!outlet.isOpen()) return
  if (!state.identity && Buffer.byteLength(text) > maxFrameBytes.unauthenticated) {
    return outlet.close(closeCodes.frameTooLarge, 'Sign in first')
  }
  if (state.held) {
    if (state.held.length < maxInFlight) return void state.held.push(text)
    const refusal = new TalonError('OVERLOADED', 'Wait for the answer to "hello".', { retryAfterMs: heldRetryMs })
    return failRequest(state, idOfFrame(app.metrics, text), refusal)
  }
  let frame: Frame
  try {
    frame = readFrame(app.metrics, text)
  } catch (error) {
    return failRequest(state, idOfBadFrame(error), error)
  }
  outlet.dialect ??= isLegacy(frame) && app.config['protocol.legacy'] ? 'legacy' : 'v1'
  if (outlet.dialect === 'v1' && (frame.version === undefined || !isServed(frame.version))) {
    return refuseVersion(state, frame, frame.version ?? 'none')
  }
  if (frame.type === 'hello' && outlet.dialect === 'v1') return void hello(state, frame)
  if (!state.identity) return refuseStranger(state, frame)
  serve(state, frame, state.identity, (frameId, error) => failRequest(state, frameId, error))
}

/** v0.3 sent no version, and knew no hello. */
function isLegacy(frame: Frame): boolean {
  return frame.version === undefined && frame.type !== 'hello'
}

async function hello(state: State, frame: Frame): Promise<void> {
  const { outlet, greeted } = state
  try {
    const welcoming = welcome(state, frame)
    // Before the token is looked up, so that a second hello does not slip in; what else comes waits for the answer.
    state.greeted = true
    state.held = []
    const { identity, payload, resume } = await welcoming
    if (!outlet.isOpen()) return
    state.identity = identity
    state.raiseFrameLimit()
    outlet.reply(frame.id, 'welcome', payload)
    if (identity.scopes.has('approve')) {
      for (const waiting of state.app.approvals.open()) outlet.event('approval.requested', waiting)
    }
    for (const at of resume) await resumeSession(state, identity, at)
  } catch (error) {
    state.greeted = greeted
    failRequest(state, frame.id, error)
    if (!(error instanceof TalonError)) return
    if (error.code === 'VERSION_MISMATCH') outlet.close(closeCodes.version, 'Version mismatch')
    if (error.code === 'UNAUTHENTICATED') outlet.close(closeCodes.authenticationFailed, 'Authentication failed')
    if (error.code === 'RATE_LIMITED') outlet.close(closeCodes.limitExceeded, 'Too many failed sign-ins')
  } finally {
    const held = state.held ?? []
    state.held = undefined
    for (const text of held) receive(state, text)
  }
}

async function resumeSession(
  state: State,
  identity: Identity,
  at: { sessionId: string; epoch: number; after: number },
): Promise<void> {
  try {
    if (!identity.scopes.has('read')) {
      throw new TalonError('FORBIDDEN', 'To resume a session needs a token with the scope "read".')
    }
    const { resumed, start } = await state.subscriptions.subscribe(at)
    state.outlet.event('session.resumed', resumed)
    start()
  } catch (error) {
    state.outlet.event('session.error', { ...errorPayload(error), sessionId: at.sessionId })
  }
}

function refuseVersion(state: State, frame: Frame, spoken: string): void {
  const supported = [...supportedVersions]
  failRequest(state, frame.id, new TalonError('VERSION_MISMATCH', versionMismatch(spoken), { supported }))
  if (frame.type === 'hello') state.outlet.close(closeCodes.version, 'Version mismatch')
}

/** A v0.3 client cannot sign in by a frame, so it is told and let go; another one may still say hello. */
function refuseStranger(state: State, frame: Frame): void {
  const refused = 'Sign in first: the first frame is "hello" with a token.'
  failRequest(state, frame.id, new TalonError('UNAUTHENTICATED', refused))
  state.earlyFrames += 1
  if (state.outlet.dialect === 'legacy') state.outlet.close(closeCodes.notAuthenticated, 'Not signed in')
  if (state.earlyFrames >= maxEarlyFrames) state.outlet.close(closeCodes.tooManyBadFrames, 'Sign in first')
}

function failRequest(state: State, frameId: string | undefined, error: unknown): void {
  const { app, outlet } = state
  if (!(error instanceof TalonError)) {
    const ids = { connectionId: state.id, requestId: frameId, tokenId: state.identity?.tokenId, errorId: app.newId() }
    app.log.error({ ...ids, err: error }, 'a request failed')
  }
  outlet.error(frameId, error)
  if (!(error instanceof TalonError) || !badFrames.has(error.code)) return
  state.badFrames += 1
  if (state.badFrames >= maxBadFrames) outlet.close(closeCodes.tooManyBadFrames, 'Too many bad frames')
}

function sweep(state: State, now: number): void {
  const { app, identity, outlet } = state
  if (!identity && now - state.openedAt > app.config['protocol.helloTimeoutMs']) {
    return outlet.close(closeCodes.notAuthenticated, 'No sign-in in time')
  }
  if (identity?.expiresAt !== undefined && identity.expiresAt <= app.clock.now()) {
    return outlet.close(closeCodes.tokenRevoked, 'Signed out')
  }
  outlet.cutIfStalled(now)
  if (now < state.pingAt || !outlet.isOpen()) return
  if (state.missedPongs >= 2) return outlet.close(closeCodes.heartbeatLost, 'Heartbeat lost')
  state.missedPongs += 1
  state.pingAt = now + app.config['protocol.heartbeatMs']
  state.ws.ping()
}

function fault(state: State, error: unknown): void {
  state.app.log.error({ connectionId: state.id, err: error }, 'a connection failed')
}
