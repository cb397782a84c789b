import type { Change, RequestKey, Store } from '../db/store.ts'
import type { EventPayload, EventType } from '../protocol/messages.ts'
import type { RunState, Usage } from '../protocol/shapes.ts'
import type { Model } from './agent/model.ts'
import type { ProviderConfig } from './agent/providers.ts'
import type { Attachments } from './attachments.ts'
import type { CacheStats } from './cache.ts'
import type { Config } from './config.ts'
import type { EnteredKeys } from './entered-keys.ts'
import type { History } from './history.ts'
import type { LogFilter } from './log/lines.ts'
import type { GatewayLog, Log } from './log.ts'
import type { Agents } from './record-agents.ts'
import type { Approvals } from './record-approvals.ts'
import type { Audit, From } from './record-audit.ts'
import type { Auth, Caller, Identity } from './record-auth.ts'
import type { Backups } from './record-backups.ts'
import type { Budgets } from './record-budgets.ts'
import type { Doctor } from './record-doctor.ts'
import type { LimitState, Limits } from './record-limits.ts'
import type { Metrics } from './record-metrics.ts'
import type { ProviderCheck, ProviderPool, ProviderUse } from './record-models.ts'
import type { Schedules } from './record-schedules.ts'
import type { Settings } from './record-settings.ts'
import type { Tools } from './record-tools.ts'
import type { TraceContext, Tracing } from './record-tracing.ts'
import type { Browser } from './tools/browser/browser.ts'
import type { Compute } from './tools/compute/compute.ts'
import type { Network } from './tools/network/network.ts'
import type { Processes } from './tools/processes.ts'
import type { Reader } from './tools/reading/reader.ts'
import type { Sandbox } from './tools/sandbox/sandbox.ts'
import type { Trash } from './tools/trash/trash.ts'

export type * from './record-agents.ts'
export type * from './record-approvals.ts'
export type * from './record-audit.ts'
export type * from './record-auth.ts'
export type * from './record-backups.ts'
export type * from './record-budgets.ts'
export type * from './record-doctor.ts'
export type * from './record-limits.ts'
export type * from './record-metrics.ts'
export type * from './record-schedules.ts'
export type * from './record-settings.ts'
export type * from './record-tools.ts'
export type * from './record-tracing.ts'

/** Everything that a handler, tool, page or command may use. It is made once, in `main.ts`, and handed on. */
export interface App {
  /** The values that are in effect, whenever they are read. */
  config: Config
  /** The same settings, to be listed and changed. */
  settings: Settings
  /** The data folder, an absolute path. */
  home: string
  /** Version of this build, for people; the protocol has its own. */
  version: string
  store: Store
  bus: Bus
  auth: Auth
  audit: Audit
  runs: Runs
  /** Sub-runs. */
  agents: Agents
  /** What comes by the clock. */
  schedules: Schedules
  models: Models
  enteredKeys: EnteredKeys
  tools: Tools
  /** What people let tools do. */
  approvals: Approvals
  /** How commands of tools are walled in. */
  sandbox: Sandbox
  /** Processes that tools leave running. */
  processes: Processes
  /** The way of tools to other machines. */
  network: Network
  /** Makes what came from there readable. */
  reader: Reader
  /** Calculates for tools, apart from everything else. */
  compute: Compute
  /** What tools deleted. */
  trash: Trash
  /** Files that tools made for people. */
  attachments: Attachments
  /** Opens pages for tools. */
  browser: Browser
  connections: Connections
  streams: Streams
  lifecycle: Lifecycle
  caches: Caches
  limits: Limits
  budgets: Budgets
  backups: Backups
  doctor: Doctor
  tracing: Tracing
  metrics: Metrics
  /** The figures of the last day. */
  history: History
  log: Log
  /** The newest lines of the log. */
  logs: Pick<GatewayLog, 'ring' | 'read' | 'stats' | 'clean'>
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
export type SessionEventType =
  | 'session.message.delta'
  | 'tool.call'
  | 'tool.result'
  | 'tool.stream'
  | 'run.started'
  | 'session.error'
  | 'budget.warning'

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

/** One request on its way to its handler. */
export interface Call extends Caller {
  /** Set for requests that change something: what makes them happen once. */
  request: RequestKey | undefined
  /** The WebSocket connection that asks; undefined for HTTP and the command line. */
  connection: Connection | undefined
  /** From where the client asks. */
  from: From
  /** The span of this request, for what follows from it. */
  trace?: TraceContext | undefined
  /** Aborted when the caller is gone; undefined where that cannot be told. */
  signal?: AbortSignal | undefined
  /** Runs something once the reply is on its way, such as the replay that follows it. */
  afterReply(then: () => void): void
}

/** What a handler may do with the connection that asks. */
export interface Connection {
  id: string
  /** What is left of the limits of its frames. */
  limits(): LimitState[]
  /** Replays and goes live as PROTOCOL section 7 says; what it resolves with is the payload of `session.resumed`. */
  subscribe(at: {
    sessionId: string
    epoch?: number | undefined
    after?: number | undefined
  }): Promise<{ resumed: EventPayload<'session.resumed'>; start: () => void }>
  /** Subscribes from there unless it is subscribed already. */
  follow(at: { sessionId: string; epoch: number; after: number }): void
  unsubscribe(sessionId: string): void
  /** Sends output of a tool that it asked for, unless that comes with its session. */
  streamTool(payload: EventPayload<'tool.stream'>): void
  /** Begins or ends hearing of changes to the list of sessions. */
  watchSessions(on: boolean): void
  /** Sends lines of the log instead of those that it sent before, once `start` is called. */
  followLog(filter: LogFilter & { after?: number | undefined }): { after: number; dropped: number; start: () => void }
  unfollowLog(): void
  /** Sends a sample of the figures each interval instead of what it sent before, once `start` is called. */
  followMetrics(intervalMs: number): { start: () => void }
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
  /** Why nothing is changed for anybody yet, such as a first import; undefined if it is. */
  held(): string | undefined
  /** Why a durable write cannot be accepted now; empty if it can. It tries one. */
  notReady(): Promise<string[]>
  /** What the last try found, without another one. */
  problems(): readonly string[]
}

export interface Caches {
  /** What each cache has done since the start; none if they are off. */
  stats(): CacheStats[]
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
  /** The messages that the gateway answers itself, by name. */
  readonly commands: readonly CommandInfo[]
}

/** A message that begins with a slash. */
export interface CommandInfo {
  /** Without the slash. */
  name: string
  /** How to write its arguments; empty if it takes none. */
  usage: string
  summary: string
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
  /** What the sockets to each provider do now. */
  pools(): ProviderPool[]
  /** How calls of each configured provider went, in the order of the settings. */
  uses(): ProviderUse[]
  /** Reads the keys again that lie outside of the settings. */
  readKeys(): void
  /** Asks a provider as it would be configured, within 15 s. */
  check(candidate: ProviderConfig): Promise<ProviderCheck>
  close(): Promise<void>
}
