/** What a limit holds for: each of these has a bucket of its own. */
export type LimitKey = 'token' | 'session' | 'address' | 'connection' | 'gateway'

interface LimitRow {
  limit: number
  /** Time in which an empty bucket is full again; null for what is counted while it is open. */
  windowMs: number | null
  per: LimitKey
  /** What is counted, in the words of a refusal. */
  counts: string
  doc: string
}

/** Every limit that is a setting `limits.<name>`. Settings, enforcement, `limits.get` and the metrics derive from this table. */
export const limitTable = {
  messages: {
    limit: 100,
    windowMs: 60_000,
    per: 'token',
    counts: 'requests that change something',
    doc: 'Requests a minute of one token that change something, over all its connections and REST. Reads and cancels are not among them.',
  },
  toolExecutions: {
    limit: 20,
    windowMs: 60_000,
    per: 'session',
    counts: 'tool executions',
    doc: 'Tools a minute that run in one session, for a client or for its agent; without a session, for one token.',
  },
  sessionCreations: {
    limit: 10,
    windowMs: 60_000,
    per: 'token',
    counts: 'new sessions',
    doc: 'Sessions a minute that one token creates or forks.',
  },
  reads: {
    limit: 6_000,
    windowMs: 60_000,
    per: 'token',
    counts: 'reads',
    doc: 'Requests a minute of one token that change nothing: reads, pings, subscriptions, cancels.',
  },
  unauthenticatedRequests: {
    limit: 600,
    windowMs: 60_000,
    per: 'address',
    counts: 'requests without a sign-in',
    doc: 'HTTP requests and upgrades a minute of one address that nobody signed. Health, metrics and static files are not among them.',
  },
  frames: {
    limit: 10_000,
    windowMs: 10_000,
    per: 'connection',
    counts: 'frames',
    doc: 'Frames in ten seconds on one connection. Whoever goes on above it is closed with 4029.',
  },
  bytes: {
    limit: 64 * 1024 * 1024,
    windowMs: 10_000,
    per: 'connection',
    counts: 'bytes',
    doc: 'Bytes in ten seconds that one connection sends. Whoever goes on above it is closed with 4029.',
  },
  connectionsPerAddress: {
    limit: 1_000,
    windowMs: null,
    per: 'address',
    counts: 'WebSocket connections',
    doc: 'WebSocket connections at once from one address.',
  },
} as const satisfies Record<string, LimitRow>

export type LimitName = keyof typeof limitTable
/** Those that count in a window, with a bucket per key. */
export type RateName = { [K in LimitName]: (typeof limitTable)[K]['windowMs'] extends number ? K : never }[LimitName]
