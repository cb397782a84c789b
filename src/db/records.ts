import type { Message, RunState, Scope, Session, Usage } from '../protocol/shapes.ts'

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
}

export interface TokenRow {
  id: string
  name: string
  hash: string
  scopes: Scope[]
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

/** A reset or a deletion. */
export type Ending = { sessionId: string; at: number; cut: Cut; request?: RequestKey | undefined }
