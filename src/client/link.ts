import type { ServerFrame } from '../protocol/envelope.ts'
import { closeCodes, type ErrorPayload } from '../protocol/errors.ts'
import { isServed, protocolVersion, supportedVersions } from '../protocol/version.ts'
import { localError, TalonClientError } from './error.ts'
import { frameText, randomId } from './requests.ts'
import { backoffMs, type Settings } from './settings.ts'
import type { ClientState, Welcome } from './types.ts'
import { onWake } from './wake.ts'

/** What the gateway calls abuse is not repeated at once, whatever the jitter says. */
const limitedFloorMs = 5_000

export interface LinkOwner {
  /** The sessions to go on with, asked for at each `hello`. */
  resume(): { sessionId: string; epoch: number; after: number }[]
  opened(): void
  frame(frame: ServerFrame, chars: number): void
  lost(becauseFrameTooLarge: boolean): void
  ended(error: TalonClientError): void
  changed(state: ClientState): void
}

type ClosedState = Extract<ClientState, { status: 'closed' }>

/** The one connection: opens it, says hello, notices its death, and opens the next. */
export class Link {
  state: ClientState = { status: 'connecting' }
  welcome: Welcome | undefined
  readonly #settings: Settings
  readonly #owner: LinkOwner
  readonly #stopWaking: () => void
  #socket: WebSocket | undefined
  #helloId = ''
  // Asked for with the address, so that both are of the same moment.
  #token = ''
  #attempt = 0
  #floorMs = 0
  #openedAt: number | undefined
  #draining = false
  #heard = false
  #silentBeats = 0
  #deadline: ReturnType<typeof setTimeout> | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #heart: ReturnType<typeof setInterval> | undefined

  constructor(settings: Settings, owner: LinkOwner) {
    this.#settings = settings
    this.#owner = owner
    this.#stopWaking = onWake(() => this.#wake())
    this.#connect()
  }

  /** Sends one frame, if a connection is open; says whether it was. */
  send(text: string): boolean {
    if (this.state.status !== 'open') return false
    this.#socket?.send(text)
    return true
  }

  /** Adds to what `state` tells of replayed entries. */
  countResumed(entries: number): void {
    if (this.state.status === 'open' && entries > 0) {
      this.#become({ ...this.state, resumed: this.state.resumed + entries })
    }
  }

  /** Tries at once where the next try waits. */
  retryNow(): void {
    if (this.state.status === 'reconnecting' && this.state.nextInMs > 0) this.#tryAgain()
  }

  /** Ends it for good. */
  end(reason: ClosedState['reason'], error: TalonClientError): void {
    if (this.state.status === 'closed') return
    const socket = this.#detach()
    this.#stopWaking()
    clearTimeout(this.#retry)
    this.state = { status: 'closed', reason, message: error.message }
    socket?.close(1000)
    this.#owner.ended(error)
    this.#owner.changed(this.state)
  }

  #become(state: ClientState): void {
    this.state = state
    this.#owner.changed(state)
  }

  #connect(): void {
    const socket = this.#open()
    if (!socket) return this.#retryLater(1006)
    this.#socket = socket
    socket.onopen = () => this.#hello(socket)
    socket.onmessage = event => this.#receive(event.data)
    socket.onclose = event => this.#lost(event.code, event.reason)
    this.#deadline = setTimeout(() => this.#abandon(), this.#settings.connectTimeoutMs)
  }

  /** Undefined where nobody can say now where the gateway is. */
  #open(): WebSocket | undefined {
    let url: string
    try {
      url = this.#settings.url()
      this.#token = this.#settings.token()
    } catch {
      return undefined
    }
    return new this.#settings.WebSocket(url)
  }

  #hello(socket: WebSocket): void {
    const { client } = this.#settings
    const token = this.#token
    this.#helloId = randomId()
    const resume = this.#owner.resume()
    const payload = {
      ...(token && { token }),
      client,
      versions: supportedVersions,
      ...(resume.length > 0 && { resume }),
    }
    socket.send(frameText(this.#helloId, 'hello', payload))
  }

  #receive(data: unknown): void {
    this.#heard = true
    // Whatever arrives answers a probe too.
    if (this.state.status === 'open') clearTimeout(this.#deadline)
    const frame = typeof data === 'string' ? parse(data) : undefined
    if (typeof data !== 'string' || !frame) return
    if (frame.replyTo === this.#helloId) {
      // Both are payloads of the gateway's own tables, told apart by the frame's type.
      if (frame.type === 'welcome') this.#opened(frame.payload as Welcome)
      else this.#refused(frame.payload as unknown as ErrorPayload)
      return
    }
    if (frame.type === 'gateway.draining') this.#drain()
    this.#owner.frame(frame, data.length)
  }

  #opened(welcome: Welcome): void {
    if (!isServed(welcome.version)) {
      this.#mismatch([welcome.version])
      return
    }
    clearTimeout(this.#deadline)
    this.welcome = welcome
    this.#openedAt = performance.now()
    this.#floorMs = 0
    this.#draining = false
    this.#silentBeats = 0
    this.#heart = setInterval(() => this.#beat(), welcome.heartbeatMs)
    // Only this timer runs while nothing happens; it must not keep a program of Node alive. A browser's is a number.
    this.#heart.unref?.()
    this.state = { status: 'open', resumed: 0 }
    this.#owner.opened()
    this.#owner.changed(this.state)
  }

  /** The answer to `hello` was an error; what is no verdict on us, such as overload, is tried again. */
  #refused(payload: ErrorPayload): void {
    if (payload.code === 'VERSION_MISMATCH') {
      this.#mismatch(payload.supported ?? [])
    } else if (payload.code === 'UNAUTHENTICATED' || payload.code === 'FORBIDDEN') {
      this.end('auth', new TalonClientError(payload, this.#helloId))
    } else {
      this.#floorMs = payload.retryAfterMs ?? 0
      this.#abandon()
    }
  }

  #mismatch(supported: readonly string[]): void {
    const theirs = supported.join(', ') || 'another one'
    const sentence = `This client speaks protocol ${protocolVersion}; the gateway speaks ${theirs}. Update the older of the two.`
    this.end('version', localError('VERSION_MISMATCH', sentence))
  }

  #drain(): void {
    this.#draining = true
    if (this.state.status === 'open') this.#become({ ...this.state, reason: 'draining' })
  }

  /** Browsers answer the gateway's pings unseen, so a link counts as silent only after two heartbeats without a frame. */
  #beat(): void {
    this.#silentBeats = this.#heard ? 0 : this.#silentBeats + 1
    this.#heard = false
    if (this.#silentBeats === 2) this.#probe()
  }

  /** Asks for a sign of life, and gives the link up if none comes. */
  #probe(): void {
    this.send(frameText(randomId(), 'ping', {}))
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#abandon(), this.#settings.probeTimeoutMs)
    this.#deadline.unref?.()
  }

  /** The network or the page is back: try now instead of later, or look whether the link survived. */
  #wake(): void {
    if (this.state.status === 'open') this.#probe()
    else this.retryNow()
  }

  /** Takes the connection for lost without waiting for a closing handshake that a dead link never ends. */
  #abandon(): void {
    const socket = this.#socket
    this.#lost(1006, '')
    socket?.close()
  }

  #lost(code: number, reason: string): void {
    this.#detach()
    const verdict = verdictOf(code)
    if (verdict === 'version') this.#mismatch([])
    else if (verdict) this.end(verdict, localError('UNAUTHENTICATED', reason || verdicts[verdict]))
    else this.#retryLater(code)
  }

  #retryLater(code: number): void {
    const { stableAfterMs } = this.#settings
    if (this.#openedAt !== undefined && performance.now() - this.#openedAt >= stableAfterMs) this.#attempt = 0
    this.#openedAt = undefined
    if (code === closeCodes.limitExceeded) this.#floorMs = limitedFloorMs
    const nextInMs = Math.max(this.#floorMs, backoffMs(this.#attempt++, this.#settings))
    this.state = this.#reconnecting(nextInMs)
    this.#owner.lost(code === closeCodes.frameTooLarge)
    this.#retry = setTimeout(() => this.#tryAgain(), nextInMs)
    this.#owner.changed(this.state)
  }

  #tryAgain(): void {
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#become(this.#reconnecting(0))
    // A listener of the state may have closed the client.
    if (this.state.status === 'reconnecting') this.#connect()
  }

  #reconnecting(nextInMs: number): ClientState {
    const reason = this.#draining ? 'draining' : 'lost'
    return { status: 'reconnecting', attempt: this.#attempt, nextInMs, reason }
  }

  #detach(): WebSocket | undefined {
    clearTimeout(this.#deadline)
    clearInterval(this.#heart)
    const socket = this.#socket
    this.#socket = undefined
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null
    return socket
  }
}

/** What a close code says for good; undefined where the next try may succeed. */
function verdictOf(code: number): 'version' | keyof typeof verdicts | undefined {
  switch (code) {
    case closeCodes.version:
      return 'version'
    case closeCodes.authenticationFailed:
      return 'auth'
    case closeCodes.tokenRevoked:
      return 'revoked'
    default:
      return undefined
  }
}

const verdicts = {
  auth: 'The gateway did not accept the credentials.',
  revoked: 'The token was revoked.',
} as const

function parse(text: string): ServerFrame | undefined {
  try {
    const frame: unknown = JSON.parse(text)
    // A gateway writes frames of this shape only; what is no object with a payload is none of its frames.
    if (typeof frame !== 'object' || frame === null || !('payload' in frame)) return undefined
    return typeof frame.payload === 'object' && frame.payload !== null ? (frame as ServerFrame) : undefined
  } catch {
    return undefined
  }
}
