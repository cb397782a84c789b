import type {
  Message,
  Profile,
  Role,
  RunState,
  Scope,
  Session,
  SessionState,
  ToolCall,
  Usage,
} from '../protocol/shapes.ts'
import type { Audited } from './audit.ts'

/** Makes a command happen once: a repeat with the same hash gets the first result, with another hash `CONFLICT`. */
export interface RequestKey {
  tokenId: string
  requestId: string
  /** SHA-256 of type and payload. */
  hash: string
}

export type Once<T> = T & { duplicate: boolean }

/** One entry of a session's log as it is published and replayed. */
export interface LogEntry {
  sessionId: string
  epoch: number
  seq: number
  message: Message
  /** The last assistant entry of a run: a `session.message.final` on the wire, the others are `session.message`. */
  final: boolean
}

export type Change =
  | { type: 'entry'; entry: LogEntry }
  | { type: 'session.created'; session: Session }
  | { type: 'session.updated'; session: Session }
  | { type: 'session.deleted'; sessionId: string }
  | { type: 'session.reset'; sessionId: string; epoch: number }
  | { type: 'run.finished'; run: Run }

export interface Run {
  id: string
  sessionId: string
  epoch: number
  /** The user message that it answers; its context ends there. */
  messageSeq: number
  state: RunState
  /** Text of the answer that was streamed and is not yet an entry of the log. */
  partialText: string
  error: string | null
  model: string | null
  provider: string | null
  usage: Usage | null
  tokenId: string | null
  createdAt: number
  startedAt: number | null
  finishedAt: number | null
}

export interface Accepted {
  sessionId: string
  messageId: string
  epoch: number
  seq: number
  runId: string
}

export interface NewSession {
  id: string
  senderId: string
  channel: string
  senderName?: string | undefined
  title?: string | undefined
  model?: string | undefined
  config?: Record<string, unknown> | undefined
  groupId?: string | undefined
  /** How much tools may do in it; what the settings say if absent. */
  profile?: Profile | null | undefined
}

/** Where a user message goes: into a session that exists, or into the sender's (or group's) own, made if there is none. */
export type Target = { sessionId: string } | { findOrCreate: NewSession }

export interface NewToken {
  id: string
  name: string
  /** SHA-256 of the secret, hex. */
  hash: string
  scopes: Scope[]
  createdAt: number
  expiresAt?: number | undefined
  /** The most that tools may do for it; no such bound if absent. */
  profile?: Profile | undefined
}

export interface TokenRow {
  id: string
  name: string
  hash: string
  scopes: Scope[]
  profile: Profile | null
  createdAt: number
  expiresAt: number | null
  lastUsedAt: number | null
  revokedAt: number | null
}

/** A browser that is signed in: a cookie, which stands for a token. */
export interface WebSession {
  /** SHA-256 of the cookie's secret, hex. */
  hash: string
  tokenId: string
  createdAt: number
  expiresAt: number
}

export interface Invocation {
  id: string
  tokenId: string | null
  sessionId: string | null
  runId: string | null
  toolName: string
  args: Record<string, unknown>
  startedAt: number
  finishedAt: number | null
  /** The `tools.result` payload; null while it runs. */
  outcome: Record<string, unknown> | null
}

/** What a session's end needs to know of the run at work: the text that is not stored yet, an id for its last entry. */
export interface Cut {
  messageId: string
  live?: { runId: string; text: string; usage?: Usage | undefined } | undefined
  keepRunId?: string | undefined
}

/** A session as an import makes it; what is left out is empty, or follows from its entries. */
export interface ImportedSession {
  senderId: string
  channel: string
  createdAt: number
  lastActiveAt: number
  /** `active` becomes `idle`: no run of it works here. */
  state?: SessionState | undefined
  senderName?: string | null | undefined
  title?: string | null | undefined
  model?: string | null | undefined
  config?: Record<string, unknown> | undefined
  groupId?: string | null | undefined
  /** Stands for what came before the entries where `summaryThroughSeq` is 0, as it is unless given. */
  memorySummary?: string | null | undefined
  summaryThroughSeq?: number | undefined
  /** What it was made of, if it was a fork; it holds all of its entries itself now. */
  forkedFrom?: Session['forkedFrom'] | undefined
  /** A copy beside the conversation that it was made of: the next message of its sender does not go there. */
  aside?: boolean | undefined
  /** Sums over the runs that it had, for its usage. */
  spent?: (Usage & { runs: number }) | undefined
  /** What has no other place. */
  legacy?: Record<string, unknown> | undefined
}

/** An entry of an imported log; its seq follows from the order in which entries come. */
export interface ImportedEntry {
  /** Kept if no other message has it. */
  id: string
  /** Taken in its place otherwise; the old one is then kept beside it. */
  spareId: string
  /** The id that the message had before, where `id` is not that. */
  legacyId?: string | undefined
  role: Role
  /** Stored without lone surrogates, which no database text can hold. */
  content: string
  timestamp: number
  toolCalls?: ToolCall[] | undefined
  toolCallId?: string | undefined
  senderName?: string | undefined
  /** Only says which entries belong together: no run of an import is here. */
  runId?: string | undefined
  model?: string | undefined
  usage?: Usage | undefined
  final?: boolean | undefined
  incomplete?: boolean | undefined
  legacy?: Record<string, unknown> | undefined
}

/** Where a session stands in the order of activity. */
export interface SessionPlace {
  lastActiveAt: number
  id: string
}

/** All that is kept of a session but its entries. */
export interface WholeSession {
  session: Session
  groupId: string | null
  summaryThroughSeq: number | null
  usage: Usage & { runs: number }
  legacy: Record<string, unknown> | null
}

/** What an import kept beside a message. */
export interface KeptOfImport {
  messageId: string
  legacyId: string | null
  legacy: Record<string, unknown> | null
}

/** Where imported data comes from, kept so that it is imported once. */
export interface ImportSource {
  /** The old data folder, empty for the store's own. */
  folder: string
  /** Relative to it. */
  source: string
  sizeBytes: number
  modifiedAt: number
  sha256: string
  messagesRead: number
  /** Over the messages as they were read, in order. */
  messagesHash: string
  warnings: string[]
}

export interface ImportRecord extends ImportSource {
  sessionId: string | null
  messagesStored: number
  finishedAt: number
}

/** A reset or a deletion. */
export type Ending = Audited<{ sessionId: string; at: number; cut: Cut; request?: RequestKey | undefined }>
