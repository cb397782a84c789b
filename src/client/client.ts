import type { ServerFrame } from '../protocol/envelope.ts'
import type { ErrorPayload } from '../protocol/errors.ts'
import type { EventPayload, EventType, ReplyPayload, RequestPayload } from '../protocol/messages.ts'
import { localError, TalonClientError } from './error.ts'
import { Link, type LinkOwner } from './link.ts'
import { guarded, Listeners } from './listeners.ts'
import { Requests } from './requests.ts'
import { type Follow, SessionIterator } from './session-iterator.ts'
import { type Follower, SessionLog, type Wire } from './session-log.ts'
import { backoffMs, type Settings } from './settings.ts'
import type {
  AnyEventFrame,
  AskType,
  Client,
  ClientState,
  RequestOptions,
  SessionEvent,
  SessionPosition,
  SubscribeOptions,
  Welcome,
} from './types.ts'

/** What the gateway takes in one `hello`; more sessions are subscribed to one by one after it. */
const maxResumed = 256

/** Ties the link, the open requests and the followed sessions together; see `Client` for what it promises. */
export class GatewayClient implements Client {
  readonly #settings: Settings
  readonly #events = new Listeners<[EventPayload<EventType>, AnyEventFrame]>()
  readonly #states = new Listeners<[ClientState]>()
  readonly #logs = new Map<string, SessionLog>()
  readonly #requests: Requests
  readonly #link: Link
  #endedBy: TalonClientError | undefined

  constructor(settings: Settings) {
    this.#settings = settings
    this.#requests = new Requests(text => this.#link.send(text))
    this.#link = new Link(settings, this.#owner())
  }

  get state(): ClientState {
    return this.#link.state
  }

  get welcome(): Welcome | undefined {
    return this.#link.welcome
  }

  request<T extends AskType>(
    type: T,
    payload: RequestPayload<T>,
    options: RequestOptions = {},
  ): Promise<ReplyPayload<T>> {
    return new Promise((resolve, reject) => {
      if (this.#endedBy) return reject(this.#endedBy)
      const { requestTimeoutMs, toolTimeoutMs } = this.#settings
      const timeoutMs = options.timeoutMs ?? (type === 'tools.invoke' ? toolTimeoutMs : requestTimeoutMs)
      // The reply to a request has the payload that the protocol's table names beside it.
      const onReply = (reply: Record<string, unknown>) => resolve(reply as ReplyPayload<T>)
      this.#requests.ask(type, payload, { ...options, timeoutMs, resend: true }, onReply, reject)
    })
  }

  on(type: string, listener: (payload: never, frame: never) => void): () => void {
    // The interface ties the listener's parameters to the name of the event; here all events share one table.
    return this.#events.add(type, listener as (payload: EventPayload<EventType>, frame: AnyEventFrame) => void)
  }

  onState(listener: (state: ClientState) => void): () => void {
    return this.#states.add('state', listener)
  }

  subscribe(sessionId: string, options: SubscribeOptions, listener: (event: SessionEvent) => void): () => void {
    let listening = true
    const follower: Follower = {
      epoch: options.epoch,
      last: options.after,
      live: false,
      full: false,
      take(event) {
        if (listening) guarded(() => listener(event))
        return true
      },
      end: error => guarded(() => options.onEnd?.(error)),
    }
    const { leave } = this.#follow(sessionId, follower)
    return () => {
      listening = false
      leave()
    }
  }

  session(sessionId: string, position: SessionPosition = {}): AsyncIterableIterator<SessionEvent> {
    return new SessionIterator(position, follower => this.#follow(sessionId, follower))
  }

  retryNow(): void {
    this.#link.retryNow()
  }

  close(): void {
    this.#link.end('closed', localError('CANCELLED', 'The client was closed.'))
  }

  #follow(sessionId: string, follower: Follower): ReturnType<Follow> {
    const endedBy = this.#endedBy
    if (endedBy) {
      queueMicrotask(() => follower.end(endedBy))
      return { leave() {}, catchUp() {} }
    }
    const log = this.#logs.get(sessionId) ?? new SessionLog(sessionId, this.#wire())
    this.#logs.set(sessionId, log)
    log.add(follower)
    return { leave: () => log.remove(follower), catchUp: () => log.catchUp(follower) }
  }

  #wire(): Wire {
    const { requestTimeoutMs } = this.#settings
    const options = { timeoutMs: requestTimeoutMs, resend: false }
    return {
      isOpen: () => this.#link.state.status === 'open',
      ask: (type, payload, done, failed) => this.#requests.ask(type, payload, options, done, failed),
      retryDelayMs: attempt => backoffMs(attempt, this.#settings),
      patienceMs: requestTimeoutMs,
      forget: sessionId => this.#logs.delete(sessionId),
    }
  }

  #owner(): LinkOwner {
    return {
      resume: () => this.#resume(),
      opened: () => {
        this.#requests.flush()
        for (const log of this.#logs.values()) log.sync()
      },
      frame: (frame, chars) => this.#frame(frame, chars),
      lost: becauseFrameTooLarge => {
        for (const log of this.#logs.values()) log.lost()
        this.#requests.lost(becauseFrameTooLarge)
      },
      ended: error => this.#ended(error),
      changed: state => this.#states.call('state', state),
    }
  }

  #resume() {
    const resumed: NonNullable<ReturnType<SessionLog['resume']>>[] = []
    for (const log of this.#logs.values()) {
      if (resumed.length === maxResumed) break
      const place = log.resume()
      if (place) resumed.push(place)
    }
    return resumed
  }

  #frame(frame: ServerFrame, chars: number): void {
    const { type, payload } = frame
    const requestId = frame.replyTo ?? idInDetails(frame)
    if (requestId !== undefined && this.#requests.answer(requestId, type, payload)) return
    // An answer to a request that was given up meanwhile.
    if (frame.replyTo !== undefined) return
    const log = typeof payload.sessionId === 'string' ? this.#logs.get(payload.sessionId) : undefined
    if (log?.awaitsHello) {
      if (type === 'session.resumed' && typeof payload.replayed === 'number') this.#link.countResumed(payload.replayed)
      // The gateway writes this type with this payload only.
      if (type === 'session.error') log.refused(new TalonClientError(payload as unknown as ErrorPayload))
    }
    if (log && !log.take(frame, chars)) return
    // The payload is that of the frame's type; a type of a newer gateway reaches the listeners of `*` only.
    const event = frame as unknown as AnyEventFrame
    this.#events.call(type, event.payload, event)
    this.#events.call('*', event.payload, event)
  }

  /** Iterators end quietly when the program itself closed the client, and throw where it has to know. */
  #ended(error: TalonClientError): void {
    this.#endedBy = error
    for (const log of this.#logs.values()) log.end(error.code === 'CANCELLED' ? undefined : error)
    this.#requests.end(error)
  }
}

/** A frame that the gateway could not read is answered without `replyTo`, with the id it could make out. */
function idInDetails({ payload: { details } }: ServerFrame): string | undefined {
  if (typeof details !== 'object' || details === null || !('id' in details)) return undefined
  return typeof details.id === 'string' ? details.id : undefined
}
