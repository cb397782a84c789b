import type { Lanes } from './limits/lanes.ts'
import type { LimitName, RateName } from './limits/table.ts'

/** Who asks, as limits tell one from another. */
export interface LimitedCaller {
  tokenId: string
  scopes: ReadonlySet<string>
  /** Address of the client; undefined where there is none. */
  address: string | undefined
}

/** One bucket, as `limits.get` shows it. */
export interface LimitState {
  name: string
  limit: number
  /** Null for what is counted while it is open. */
  windowMs: number | null
  remaining: number
  /** Time until nothing of it is used. */
  resetMs: number
}

/** The bucket of somebody, of whom `key` is what the limit counts by: a token, a session, an address. */
export interface BusyBucket extends LimitState {
  key: string
}

/** What refuses: a limit of the table, one that is a setting elsewhere, or the event loop that is late. */
export type Refusing =
  | LimitName
  | 'authFailures'
  | 'connections'
  | 'unauthenticatedConnections'
  | 'pipelined'
  | 'overload'

/** The one place that counts and refuses. */
export interface Limits {
  /** Takes from one bucket. @throws TalonError `RATE_LIMITED` */
  take(name: RateName, key: string): void
  /** The same without an error: whether it was taken, and what is left. */
  tryTake(name: RateName, key: string): { allowed: boolean; state: LimitState }
  /** Notes a refusal that was decided elsewhere. */
  noteRefusal(by: Refusing): void
  /** Takes for one request over a WebSocket. @throws TalonError `RATE_LIMITED`, `OVERLOADED` */
  admit(request: { type: string; changes: boolean; tokenId: string; overHttp: boolean }): void
  /** Counts a connection until the returned function is called. @throws TalonError `RATE_LIMITED` */
  enter(address: string): () => void
  /** Who of the connections has its turn. */
  lanes: Lanes
  /** Counts frames and bytes of one connection. */
  meter(): FrameMeter
  /** Whether anything is limited now. */
  enabled(): boolean
  /** Buckets of this caller; an admin sees those of the gateway too. */
  list(caller: LimitedCaller, sessionId?: string): LimitState[]
  /** The buckets of anybody that are less than half full, the emptiest first. */
  busiest(count: number): BusyBucket[]
  stats(): LimitStats
  stop(): void
}

export interface FrameMeter {
  /** Takes one frame of so many bytes. @throws TalonError `RATE_LIMITED` */
  take(bytes: number): void
  /** Whether so many were refused that the connection should end. */
  tooOften(): boolean
  list(): LimitState[]
}

export interface LimitStats {
  /** Refusals since the start. */
  refused: Readonly<Record<Refusing, number>>
  /** Keys that are held, of all limits. */
  keys: number
}
