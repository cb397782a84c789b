import type { ServerFrame } from '../protocol/envelope.ts'
import type {
  EventPayload,
  EventType,
  events,
  ReplyPayload,
  RequestPayload,
  RequestType,
} from '../protocol/messages.ts'
import type { TalonClientError } from './error.ts'

/** What a program can ask; the client says `hello` itself. */
export type AskType = Exclude<RequestType, 'hello'>
export type Welcome = ReplyPayload<'hello'>

/** How the connection is. `closed` is final: a new client is needed after it. */
export type ClientState =
  | { status: 'connecting' }
  /** `resumed` counts the log entries that were replayed since this connection began. */
  | { status: 'open'; resumed: number; reason?: 'draining' }
  /** `nextInMs` is 0 while the try itself is under way. */
  | { status: 'reconnecting'; attempt: number; nextInMs: number; reason: 'draining' | 'lost' }
  | { status: 'closed'; reason: 'version' | 'auth' | 'revoked' | 'closed'; message: string }

export interface RequestOptions {
  signal?: AbortSignal | undefined
  timeoutMs?: number | undefined
  /** The id to send it under: that of a try that failed, so that the gateway does the work once. */
  id?: string | undefined
}

/** A frame that the gateway sent unasked. */
export type EventFrame<T extends EventType> = Omit<ServerFrame, 'type' | 'payload'> & {
  type: T
  payload: EventPayload<T>
}
export type AnyEventFrame = { [T in EventType]: EventFrame<T> }[EventType]

type LoggedType = { [T in EventType]: (typeof events)[T]['logged'] extends true ? T : never }[EventType]
type OfSession = { [T in EventType]: 'sessionId' extends keyof EventPayload<T> ? T : never }[EventType]
type LiveType = Exclude<OfSession, LoggedType | 'session.created'>

/**
 * One thing that happened in a session: an entry of its log with its place in it, something live, or `reset`: what was
 * shown so far is void, and the entries of the new epoch follow from the first.
 */
export type SessionEvent =
  | { [T in LoggedType]: { type: T; payload: EventPayload<T>; epoch: number; seq: number } }[LoggedType]
  | { [T in LiveType]: { type: T; payload: EventPayload<T> } }[LiveType]
  | { type: 'reset'; epoch: number }

/** Where to begin: after this entry of this epoch; without `after` at the newest, without `epoch` in the current one. */
export interface SessionPosition {
  epoch?: number | undefined
  after?: number | undefined
}

export interface SubscribeOptions extends SessionPosition {
  /** Called once when nothing follows any more, with the error unless the session was deleted or the client closed. */
  onEnd?: ((error?: TalonClientError) => void) | undefined
}

/** A connection to a gateway that heals itself. */
export interface Client {
  readonly state: ClientState
  /** What the gateway said at the newest connection. */
  readonly welcome: Welcome | undefined
  /**
   * Asks the gateway. Waits for a connection, survives a lost one: the same frame is sent again, and the gateway executes
   * an id once. Rejects with `TalonClientError`; what is refused for now (`RATE_LIMITED`, …) is left to the caller.
   * What a request turns on for its connection only, such as `watch`, is to be asked for again whenever `state` is open.
   */
  request<T extends AskType>(type: T, payload: RequestPayload<T>, options?: RequestOptions): Promise<ReplyPayload<T>>
  /** Listens to one event, or to all with `*`; returns the way to stop. Answers to requests are no events. */
  on<T extends EventType>(type: T, listener: (payload: EventPayload<T>, frame: EventFrame<T>) => void): () => void
  on(type: '*', listener: (payload: EventPayload<EventType>, frame: AnyEventFrame) => void): () => void
  onState(listener: (state: ClientState) => void): () => void
  /** Calls the listener with each event of a session, in order and once, across reconnects; returns the way to stop. */
  subscribe(sessionId: string, options: SubscribeOptions, listener: (event: SessionEvent) => void): () => void
  /**
   * The events of a session from now on (or from a position), for one `for await`. A consumer that falls
   * `maxBufferedEvents` behind misses live events, never an entry: those are read from the log once it caught up.
   */
  session(sessionId: string, position?: SessionPosition): AsyncIterableIterator<SessionEvent>
  /** Tries at once where the next try waits; elsewhere it does nothing. */
  retryNow(): void
  /** Ends the connection for good: open requests reject with `CANCELLED`, open iterators are done. */
  close(): void
}
