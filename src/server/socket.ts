import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Frame } from '../protocol/envelope.ts'
import { closeCodes, errorPayload, TalonError } from '../protocol/errors.ts'
import { isServed, supportedVersions, versionMismatch } from '../protocol/version.ts'
import { maxFrameBytes, maxInFlight } from './bounds.ts'
import { createConnection } from './connection.ts'
import type { OpenSocket, Registry } from './connections.ts'
import { welcome } from './hello.ts'
import type { Lane } from './limits/lanes.ts'
import { readFrame } from './metrics/frames.ts'
import { createOutlet, type Outlet } from './outlet.ts'
import type { App, Connection, Identity, Notice } from './record.ts'
import type { FrameMeter } from './record-limits.ts'
import { createSendOrder, type SendOrder } from './send-order.ts'
import { serve } from './serve.ts'
import { createSubscriptions, type Subscriptions } from './subscription.ts'

const maxBadFrames = 20

export interface SocketDeps {
  app: App
  registry: Registry
  frameId: () => string
  ws: WebSocket
  /** The TCP connection below. */
  socket: Socket
  address: string
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
    connection: createConnection({ app, id, frameId, outlet, subscriptions, failed }),
    order,
    meter: app.limits.meter(),
    lane: app.limits.lanes.open({ pause: () => deps.ws.pause(), resume: () => deps.ws.resume() }),
    greeted: false,
    held: undefined,
    inFlight: 0,
    badFrames: 0,
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
    try {
      // `ws` hands over one Buffer per message, because binaryType stays at its default.
      receive(state, (data as Buffer).toString('utf8'))
    } catch (error) {
      fault(state, error)
    }
  })
  ws.on('pong', () => {
    state.missedPongs = 0
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

/** Names of settings tell a stranger how a gateway is protected. */
function mayHear({ scopes }: Identity, { type }: Notice): boolean {
  return type !== 'config.updated' || scopes.has('admin')
}

function receive(state: State, text: string): void {
  const { outlet, app } = state
  if (!outlet.isOpen()) return
  if (!state.identity && Buffer.byteLength(text) > maxFrameBytes.unauthenticated) {
    return outlet.close(closeCodes.frameTooLarge, 'Sign in first')
  }
  if (state.held) {
    if (state.held.length < maxInFlight) return void state.held.push(text)
    return outlet.error(undefined, new TalonError('OVERLOADED', 'Wait for the answer to "hello".'))
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
  queue(state, frame, state.identity, Buffer.byteLength(text))
}

/** Its requests are served in their order, and in turn with those of others. */
function queue(state: State, frame: Frame, identity: Identity, bytes: number): void {
  const fail = (frameId: string | undefined, error: unknown) => failRequest(state, frameId, error)
  try {
    state.meter.take(bytes)
  } catch (error) {
    if (state.meter.tooOften()) return state.outlet.close(closeCodes.limitExceeded, 'Too many frames')
    return fail(frame.id, error)
  }
  const work = () => {
    if (state.outlet.isOpen()) serve(state, frame, identity, fail)
  }
  state.lane.run(work, error => fail(frame.id, error))
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

function refuseVersion({ outlet }: State, frame: Frame, spoken: string): void {
  const supported = [...supportedVersions]
  outlet.error(frame.id, new TalonError('VERSION_MISMATCH', versionMismatch(spoken), { supported }))
  if (frame.type === 'hello') outlet.close(closeCodes.version, 'Version mismatch')
}

/** A v0.3 client cannot sign in by a frame, so it is told and let go; another one may still say hello. */
function refuseStranger({ outlet }: State, frame: Frame): void {
  const refused = 'Sign in first: the first frame is "hello" with a token.'
  outlet.error(frame.id, new TalonError('UNAUTHENTICATED', refused))
  if (outlet.dialect === 'legacy') outlet.close(closeCodes.notAuthenticated, 'Not signed in')
}

function failRequest(state: State, frameId: string | undefined, error: unknown): void {
  const { app, outlet } = state
  if (!(error instanceof TalonError)) {
    const ids = { connectionId: state.id, requestId: frameId, tokenId: state.identity?.tokenId, errorId: app.newId() }
    app.log.error({ ...ids, err: error }, 'a request failed')
  }
  outlet.error(frameId, error)
  if (!(error instanceof TalonError) || error.code !== 'INVALID_MESSAGE') return
  state.badFrames += 1
  if (state.badFrames >= maxBadFrames) outlet.close(closeCodes.tooManyBadFrames, 'Too many bad frames')
}

/** The id of a frame that could not be read further. */
function idOfBadFrame(error: unknown): string | undefined {
  const details = error instanceof TalonError ? error.extras.details : undefined
  return typeof details === 'object' && details !== null && 'id' in details ? String(details.id) : undefined
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
