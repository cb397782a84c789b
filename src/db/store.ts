import type { RunState, Session, SessionItem, SessionState, ToolCall, Usage } from '../protocol/shapes.ts'
import type {
  Accepted,
  Change,
  Ending,
  Invocation,
  LogEntry,
  NewSession,
  NewToken,
  Once,
  RequestKey,
  Run,
  Target,
  TokenRow,
  WebSession,
} from './records.ts'

export type * from './records.ts'

/**
 * Where everything is kept: named commands, which resolve after their commit is durable, and named queries. No SQL and
 * no type of an engine appears here; `sqlite/` is the first engine.
 *
 * Any method rejects with `TalonError`: `STORAGE_UNAVAILABLE` if the engine cannot serve it, `SESSION_NOT_FOUND` for a
 * session that does not exist or is deleted, `CONFLICT` for a request id that was used with another payload.
 */
export interface Store extends Commands, Queries {
  /** Called once per commit with all it changed, in order, before any of its promises resolves. The one place to publish from. */
  onCommit(listener: (changes: Change[]) => void): void
  close(): Promise<void>
}

export interface Commands {
  createSession(
    input: NewSession & { at: number; request?: RequestKey | undefined },
  ): Promise<Once<{ session: Session }>>
  updateSession(input: {
    sessionId: string
    title?: string | null | undefined
    model?: string | null | undefined
    config?: Record<string, unknown> | undefined
    /** Only dates the stored reply; activity stays as it was. */
    at?: number | undefined
    request?: RequestKey | undefined
  }): Promise<Once<{ session: Session }>>
  /** Starts a new epoch. Runs of the old one are cancelled, except the one to keep; `ended` names them. */
  resetSession(input: Ending): Promise<Once<{ sessionId: string; epoch: number; ended: string[] }>>
  /** Hides it; its runs are cancelled as by a reset. */
  deleteSession(input: Ending): Promise<Once<{ sessionId: string; ended: string[] }>>
  restoreSession(input: {
    sessionId: string
    at: number
    request?: RequestKey | undefined
  }): Promise<Once<{ session: Session }>>
  /** Erases for good what was deleted before this time. */
  eraseDeleted(input: { before: number }): Promise<{ erased: number }>
  /** What the log says up to `throughSeq`, in the model's words, for contexts that cannot hold all of it. */
  saveMemorySummary(input: {
    sessionId: string
    summary: string
    throughSeq: number
    /** Where given, a summary of an epoch that was reset meanwhile is dropped. */
    epoch?: number | undefined
  }): Promise<void>

  /** Stores a user message with a queued run for it. */
  sendMessage(input: {
    target: Target
    messageId: string
    runId: string
    text: string
    senderName?: string | undefined
    tokenId: string
    at: number
    request?: RequestKey | undefined
  }): Promise<Once<Accepted>>

  /** Moves a queued run to `running`; undefined if it is not queued any more. */
  startRun(input: { runId: string; at: number }): Promise<Run | undefined>
  savePartialText(input: { runId: string; text: string }): Promise<void>
  /** An assistant entry that calls tools; the run goes on, its partial text starts anew. */
  appendToolCalls(input: {
    runId: string
    messageId: string
    content: string
    toolCalls: ToolCall[]
    usage?: Usage | undefined
    model?: string | undefined
    at: number
  }): Promise<void>
  appendToolResult(input: {
    runId: string
    messageId: string
    toolCallId: string
    content: string
    at: number
  }): Promise<void>
  /** Ends a run, with its last entry in the same commit if there is one. Does nothing if it has ended already; then undefined. */
  finishRun(input: {
    runId: string
    state: Exclude<RunState, 'queued' | 'running'>
    error?: string | undefined
    provider?: string | undefined
    model?: string | undefined
    /** Of the whole run, stored in its row. */
    usage?: Usage | undefined
    message?: { id: string; content: string; incomplete: boolean; usage?: Usage | undefined } | undefined
    /** Puts the last entry into another epoch than the run's own: `/reset` answers in the new one. */
    epoch?: number | undefined
    at: number
  }): Promise<Run | undefined>

  /** Records that a tool begins. `known` is set, and nothing begins, if this request began one before. */
  beginInvocation(
    input: Omit<Invocation, 'finishedAt' | 'outcome'> & { request?: RequestKey | undefined },
  ): Promise<{ known: Invocation | undefined }>
  finishInvocation(input: { invocationId: string; outcome: Record<string, unknown>; at: number }): Promise<void>
  /** At start: what a dead process left running gets this outcome, completed with its toolName and invocationId. */
  interruptInvocations(input: { at: number }): Promise<{ interrupted: number }>

  /** A repeat makes no token and answers with the id of the first. */
  createToken(input: NewToken & { request?: RequestKey | undefined }): Promise<Once<{ id: string }>>
  /** Creates or replaces the token of this id, for one that comes from the environment. */
  putToken(input: NewToken): Promise<void>
  /** Revokes it and ends its web sessions; false if there is no such live token. */
  revokeToken(input: { id: string; at: number }): Promise<boolean>
  touchTokens(input: { ids: string[]; at: number }): Promise<void>
  createWebSession(input: WebSession): Promise<void>
  deleteWebSession(input: { hash: string }): Promise<void>

  /** Removes stored replies, finished invocations (their outcome is the reply) and web sessions that are past their time. */
  prune(input: { idempotencyBefore: number; now: number }): Promise<void>
  /** A durable write of no meaning: resolves if the next real one would. */
  probe(input: { at: number }): Promise<void>
}

export interface SessionFilter {
  limit: number
  cursor?: string | undefined
  channel?: string | undefined
  state?: SessionState | undefined
  senderId?: string | undefined
  /** A part of title, sender or id, in any case. */
  query?: string | undefined
}

export interface HistoryQuery {
  sessionId: string
  epoch: number
  after?: number | undefined
  before?: number | undefined
  limit: number
  /** A page ends here even below `limit`, but holds at least one entry. */
  maxBytes: number
}

/** Where a log stands: its current epoch and newest seq (0 if it is empty). */
export interface Head {
  epoch: number
  seq: number
}

export interface Queries {
  getSession(sessionId: string): Promise<Session | undefined>
  /**
   * Newest activity first; keyset paging. With `query` a page may hold fewer than `limit` sessions, none even, and still
   * have a `nextCursor`: a page looks at so many sessions only. `TalonError` `INVALID_MESSAGE` for a cursor that is not ours.
   */
  listSessions(filter: SessionFilter): Promise<{ sessions: SessionItem[]; nextCursor: string | null }>
  getHead(sessionId: string): Promise<Head | undefined>
  /** Ascending; `hasMore` means further in the direction of the paging. */
  history(query: HistoryQuery): Promise<{ entries: LogEntry[]; hasMore: boolean }>
  getMessage(messageId: string): Promise<LogEntry | undefined>
  getRun(runId: string): Promise<Run | undefined>
  /** The run that works, else the oldest that waits. */
  activeRun(sessionId: string): Promise<Run | undefined>
  nextQueuedRun(sessionId: string): Promise<Run | undefined>
  /** All that a dead process left behind, oldest first. */
  unfinishedRuns(): Promise<Run[]>
  /** Newest first; runs of one epoch of a session. */
  listRuns(query: { sessionId: string; epoch: number; limit: number }): Promise<Run[]>
  getMemorySummary(sessionId: string): Promise<{ summary: string; throughSeq: number } | undefined>
  counts(): Promise<{ sessions: number; activeSessions: number; totalMessages: number }>
  /** Tokens spent, as stored with the runs of this session. */
  sessionUsage(sessionId: string): Promise<Usage & { runs: number }>
  getInvocation(id: string): Promise<Invocation | undefined>
  /** What this request began before; `CONFLICT` if its id was used with another payload, for a tool or anything else. */
  findInvocation(request: RequestKey): Promise<Invocation | undefined>
  getToken(id: string): Promise<TokenRow | undefined>
  listTokens(): Promise<TokenRow[]>
  getWebSession(hash: string): Promise<WebSession | undefined>
}
