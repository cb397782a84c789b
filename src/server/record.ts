import type { Change, RequestKey, Store } from '../db/store.ts'
import type { EventPayload, EventType } from '../protocol/messages.ts'
import type { RunState, Scope, ToolInfo, Usage } from '../protocol/shapes.ts'
import type { Model } from './agent/model.ts'
import type { Config } from './config.ts'
import type { Log } from './log.ts'

/** Everything that a handler, tool, page or command may use. It is made once, in `main.ts`, and handed on. */
export interface App {
  config: Config
  /** The data folder, an absolute path. */
  home: string
  /** Version of this build, for people; the protocol has its own. */
  version: string
  store: Store
  bus: Bus
  auth: Auth
  runs: Runs
  models: Models
  tools: Tools
  connections: Connections
  streams: Streams
  lifecycle: Lifecycle
  log: Log
  clock: Clock
  /** A new id that sorts by time (UUID version 7). */
  newId: () => string
  /** Uniform in [0, 1), for jitter. */
  random: () => number
}

export interface Clock {
  /** Unix milliseconds. */
  now(): number
  /** Milliseconds that never go backwards, for durations. */
  monotonic(): number
}

/** Carries what happened to whoever listens. Committed changes reach it through `store.onCommit`, the rest directly. */
export interface Bus {
  publish(change: Change): void
  /** An event that is not in any log, for the subscribers of a session. */
  emit<T extends SessionEventType>(type: T, payload: EventPayload<T>): void
  /** An event for every connection, such as `gateway.draining`. */
  broadcast<T extends EventType>(type: T, payload: EventPayload<T>): void
  /** Listens to one session; the returned function ends it. */
  onSession(sessionId: string, listener: (notice: Notice) => void): () => void
  /** Listens to changes of the list of sessions. */
  onList(listener: (notice: Notice) => void): () => void
  onBroadcast(listener: (notice: Notice) => void): () => void
}

/** Events of one session that are in no log and follow from no commit. */
export type SessionEventType = 'session.message.delta' | 'tool.call' | 'tool.result' | 'run.started' | 'session.error'

/** One event on its way out. `text` is formatted at the first reading and kept, so that all subscribers share it. */
export interface Notice {
  id: string
  type: EventType
  payload: Record<string, unknown>
  sessionId: string | undefined
  epoch: number | undefined
  seq: number | undefined
  timestamp: number
  readonly text: string
}

/** Who makes a request: the token behind it, whatever carried it. */
export interface Caller {
  tokenId: string
  scopes: ReadonlySet<Scope>
}

/** One request on its way to its handler. */
export interface Call extends Caller {
  /** Set for requests that change something: what makes them happen once. */
  request: RequestKey | undefined
  /** The WebSocket connection that asks; undefined for HTTP and the command line. */
  connection: Connection | undefined
  /** Runs something once the reply is on its way, such as the replay that follows it. */
  afterReply(then: () => void): void
}

/** What a handler may do with the connection that asks. */
export interface Connection {
  id: string
  /** Replays and goes live as PROTOCOL section 7 says; what it resolves with is the payload of `session.resumed`. */
  subscribe(at: {
    sessionId: string
    epoch?: number | undefined
    after?: number | undefined
  }): Promise<{ resumed: EventPayload<'session.resumed'>; start: () => void }>
  /** Subscribes from there unless it is subscribed already. */
  follow(at: { sessionId: string; epoch: number; after: number }): void
  unsubscribe(sessionId: string): void
  /** Begins or ends hearing of changes to the list of sessions. */
  watchSessions(on: boolean): void
}

export interface Connections {
  /** Open WebSocket connections, signed in or not. */
  count(): number
  /** Closes every connection of a token that was revoked, or of a cookie that was signed out. */
  closeToken(tokenId: string): void
  closeWebSession(hash: string): void
}

/** Opens what the registry of connections looks after and is no WebSocket. */
export interface Streams {
  /** All connections, of either kind. */
  size(): number
  /**
   * Registers a stream of this identity; `close` ends it when its token does, or when its reader takes nothing.
   * `takenBytes` only grows. The returned function takes it out.
   */
  add(stream: {
    identity: Identity
    unsentBytes: () => number
    takenBytes: () => number
    close: () => void
  }): () => void
}

export interface Lifecycle {
  /** Unix ms. */
  startedAt: number
  bootId: string
  draining(): boolean
  /** Why a durable write cannot be accepted now; empty if it can. It tries one. */
  notReady(): Promise<string[]>
  /** What the last try found, without another one. */
  problems(): readonly string[]
}

/** The agent: starts queued runs, keeps what they say until it is stored. */
export interface Runs {
  /** Tells that a session has a queued run. */
  wake(sessionId: string): void
  /** Stops the run of a session; its id, or null if none runs or waits. */
  cancel(sessionId: string): Promise<string | null>
  /** Stops work on runs that the store has ended, with the reset or the deletion of their session. */
  abandon(sessionId: string, runIds: readonly string[]): void
  /** The run that streams now, with its text so far. */
  live(sessionId: string): LiveRun | undefined
  /** How many runs work now. */
  count(): number
}

export interface LiveRun {
  runId: string
  state: RunState
  text: string
  /** Index of the last delta in `text`, -1 before the first. */
  index: number
  /** Of the calls of the model that are over: what they cost is spent, however the run ends. */
  spent: Usage | undefined
}

export interface Models {
  /** By `model` or `provider/model`; undefined if there is none. */
  find(name: string): Model | undefined
  /** Every name that `find` knows, as `provider/model`. */
  list(): string[]
  /** What answers where no model is chosen, in the order in which they are tried. */
  defaultChain: readonly Model[]
  close(): Promise<void>
}

export interface Tools {
  list(): ToolInfo[]
  /** Runs a tool with validation, permission, timeout and recording. Rejects only for what is no tool's failure: SESSION_NOT_FOUND, TOOL_NOT_FOUND, CONFLICT, OVERLOADED, storage. */
  run(input: ToolRunInput): Promise<ToolOutcome>
  /** Stops a tool that runs; false if none of this id does. The id may be that of the request that began it, if this token sent it. */
  cancel(invocationId: string, tokenId?: string): boolean
}

export interface ToolRunInput {
  toolName: string
  args: Record<string, unknown>
  tokenId: string | null
  sessionId?: string | undefined
  runId?: string | undefined
  dryRun?: boolean | undefined
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
  request?: RequestKey | undefined
}

/** The payload of `tools.result`. */
export interface ToolOutcome {
  toolName: string
  invocationId: string
  /** Set where nothing was done: the output says what would be. */
  dryRun?: boolean
  success: boolean
  output: string
  error?: string
  code?: string
  durationMs: number
  truncated: boolean
  decision?: { allowed: boolean; rule: string }
  duplicate?: boolean
}

/** A token or cookie that was presented and is valid. */
export interface Identity extends Caller {
  /** Hash of the cookie, where one was presented. */
  webSession: string | undefined
  /** Unix ms; undefined if it does not end. */
  expiresAt: number | undefined
}

/** Who may speak. */
export interface Auth {
  /**
   * The identity behind a token, or undefined. It counts a failed attempt of `address`, and throws `RATE_LIMITED` for a
   * token that does not verify while that address is locked out.
   */
  verifyToken(token: string, address: string): Promise<Identity | undefined>
  verifyCookie(secret: string, address: string): Promise<Identity | undefined>
  /** What the token of this id may do now; nothing if it is unknown, expired or revoked. */
  scopesOf(tokenId: string | null): Promise<ReadonlySet<Scope>>
  /** Exchanges a one-time code for a new cookie. */
  exchangeCode(code: string, address: string): Promise<SignIn | undefined>
  /** Exchanges a token for a new cookie. */
  exchangeToken(token: string, address: string): Promise<SignIn | undefined>
  signOut(webSession: string): Promise<void>
  /** A new one-time code for a token, and until when it works (Unix ms). The command line's token gets one for the owner's. */
  newCode(tokenId: string): Promise<{ code: string; expiresAt: number }>
  /** The token is told this once: to a repeat of the request it is empty, beside the id of the first. */
  createToken(input: {
    name: string
    scopes: Scope[]
    expiresAt?: number | undefined
    request?: RequestKey | undefined
  }): Promise<{ id: string; token: string; duplicate: boolean }>
  /** False if there is no such token. */
  revokeToken(id: string): Promise<boolean>
  listTokens(): Promise<TokenInfo[]>
}

export interface SignIn {
  /** Value of the cookie. */
  secret: string
  identity: Identity
  /** Unix ms. */
  expiresAt: number
}

/** A token as it may be shown: without its secret or hash. */
export interface TokenInfo {
  id: string
  name: string
  scopes: Scope[]
  createdAt: number
  expiresAt: number | null
  lastUsedAt: number | null
  revokedAt: number | null
}
