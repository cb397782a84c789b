import type { RunState, Session, SessionItem, SessionState, ToolCall, Usage } from '../protocol/shapes.ts'
import type { AccessCommands, AccessQueries } from './access.ts'
import type { AttachmentCommands, AttachmentQueries } from './attachments.ts'
import type { Audited } from './audit.ts'
import type { DelegationCommands, DelegationQueries } from './delegations.ts'
import type { StoreStats } from './figures.ts'
import type { HeavyQueries } from './heavy.ts'
import type { ImportCommands, ImportQueries } from './imports.ts'
import type { MemoryCommands, MemoryQueries } from './memory.ts'
import type {
  Accepted,
  Change,
  Ending,
  Invocation,
  LogEntry,
  NewSession,
  Once,
  RequestKey,
  Run,
  SessionPlace,
  Target,
  WholeSession,
} from './records.ts'
import type { ScheduleCommands, ScheduleQueries } from './schedules.ts'
import type { BudgetLimits, BudgetState, EndedCall, SpendingCommands, SpendingQueries } from './spending.ts'
import type { NewInvocation, ToolRunCommands, ToolRunQueries } from './tool-runs.ts'

export type * from './attachments.ts'
export type * from './audit.ts'
export type * from './delegations.ts'
export type * from './figures.ts'
export type * from './heavy.ts'
export type * from './imports.ts'
export type * from './memory.ts'
export type * from './records.ts'
export type * from './schedules.ts'
export type * from './spending.ts'
export type * from './tool-runs.ts'

/**
 * Where everything is kept: named commands, which resolve after their commit is durable, and named queries. No SQL and
 * no type of an engine appears here; `sqlite/` is the first engine.
 *
 * Any method rejects with `TalonError`: `STORAGE_UNAVAILABLE` if the engine cannot serve it, `SESSION_NOT_FOUND` for a
 * session that does not exist or is deleted, `CONFLICT` for a request id that was used with another payload.
 */
export interface Store extends Commands, Queries {
  /**
   * Called once per commit with all it changed, in order, before any of its promises resolves. The one place to publish
   * from. A session that others can see changes with a change that tells it whole, or that it is gone.
   */
  onCommit(listener: (changes: Change[]) => void): void
  stats(): StoreStats
  /** What is known of the storage, without asking it. */
  health(): StorageHealth
  close(): Promise<void>
}

export interface StorageHealth {
  /** Why nothing new can be stored now, in sentences that say what to do; empty if it can. */
  problems: string[]
  /** What a person should know, though everything works. */
  notices: string[]
}

export interface Commands
  extends AccessCommands,
    SpendingCommands,
    ToolRunCommands,
    MemoryCommands,
    AttachmentCommands,
    DelegationCommands,
    ScheduleCommands,
    ImportCommands {
  createSession(
    input: NewSession & { at: number; request?: RequestKey | undefined },
  ): Promise<Once<{ session: Session }>>
  updateSession(input: {
    sessionId: string
    title?: string | null | undefined
    model?: string | null | undefined
    config?: Record<string, unknown> | undefined
    /** Null is what the settings say. */
    profile?: Session['profile'] | undefined
    /** Only dates the stored reply; activity stays as it was. */
    at?: number | undefined
    request?: RequestKey | undefined
  }): Promise<Once<{ session: Session }>>
  /** Starts a new epoch. Runs of the old one are cancelled, except the one to keep; `ended` names them. */
  resetSession(input: Ending): Promise<Once<{ sessionId: string; epoch: number; ended: string[] }>>
  /** Hides it; its runs are cancelled as by a reset. */
  deleteSession(input: Ending): Promise<Once<{ sessionId: string; ended: string[] }>>
  restoreSession(
    input: Audited<{ sessionId: string; at: number; request?: RequestKey | undefined }>,
  ): Promise<Once<{ session: Session }>>
  /**
   * Makes a session that begins with the entries 1 to `atSeq` of an epoch of another, by default the current one. Rejects
   * with `NOT_FOUND` for an epoch and `INVALID_MESSAGE` for an entry that is not there.
   */
  forkSession(input: {
    id: string
    sessionId: string
    atSeq: number
    epoch?: number | undefined
    title?: string | undefined
    profile?: Session['profile'] | undefined
    at: number
    request?: RequestKey | undefined
  }): Promise<Once<{ session: Session }>>
  /** Deletes it, unless anything happened since it was in this state, or a run of it waits or works; whether it did. */
  retireSession(
    input: Audited<{ sessionId: string; epoch: number; seq: number; lastActiveAt: number; at: number }>,
  ): Promise<boolean>
  /**
   * Erases for good what was deleted before this time, but what forks still show of it. The entry for the audit trail is
   * written once for each session, with its id as the target.
   */
  eraseDeleted(input: Audited<{ before: number }>): Promise<{ erased: number }>
  /** What the log says up to `throughSeq`, in the model's words, for contexts that cannot hold all of it. */
  saveMemorySummary(input: {
    sessionId: string
    summary: string
    throughSeq: number
    /** Where given, a summary of an epoch that was reset meanwhile is dropped. */
    epoch?: number | undefined
    /** Calls of models that it pays for. */
    ended?: readonly EndedCall[] | undefined
    at?: number | undefined
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
    /** Calls of models that this entry pays for. */
    ended?: readonly EndedCall[] | undefined
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
    /** Calls of models that are over; what is set aside for others of the run is counted by estimate. */
    ended?: readonly EndedCall[] | undefined
    /** Time that the run took. */
    wallMs?: number | undefined
    at: number
  }): Promise<Run | undefined>

  /**
   * Records that a tool begins, and counts it. `known` is set, and nothing begins, if this request began one before;
   * `refused` if a budget is used up.
   */
  beginInvocation(
    input: NewInvocation & {
      request?: RequestKey | undefined
      limits?: BudgetLimits | undefined
    },
  ): Promise<{ known: Invocation | undefined; refused?: BudgetState | undefined }>
  finishInvocation(
    input: Audited<{ invocationId: string; outcome: Record<string, unknown>; at: number; taints?: boolean }>,
  ): Promise<void>
  /** At start: what a dead process left running gets this outcome, completed with its toolName and invocationId. */
  interruptInvocations(input: { at: number }): Promise<{ interrupted: number }>

  /** Keeps what a request did outside the database, so that a repeat of it is told the same. */
  keepReply(input: { reply: Record<string, unknown>; at: number; request: RequestKey }): Promise<void>
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
  /** By the last activity; `newest` first if absent. */
  order?: 'newest' | 'oldest' | undefined
}

/** A session that can still be restored. */
export type DeletedSession = SessionItem & { deletedAt: number }

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

export interface Queries
  extends AccessQueries,
    HeavyQueries,
    SpendingQueries,
    ToolRunQueries,
    MemoryQueries,
    AttachmentQueries,
    DelegationQueries,
    ScheduleQueries,
    ImportQueries {
  getSession(sessionId: string): Promise<Session | undefined>
  /**
   * Newest activity first; keyset paging. With `query` a page may hold fewer than `limit` sessions, none even, and still
   * have a `nextCursor`: a page looks at so many sessions only. `TalonError` `INVALID_MESSAGE` for a cursor that is not ours.
   */
  listSessions(filter: SessionFilter): Promise<{ sessions: SessionItem[]; nextCursor: string | null }>
  /** Those that can still be restored, the newest deletion first. */
  listDeleted(query: {
    limit: number
    cursor?: string | undefined
  }): Promise<{ sessions: DeletedSession[]; nextCursor: string | null }>
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
  /** Newest first; runs of one epoch of a session, with `before` only those that answer an earlier message. */
  listRuns(query: { sessionId: string; epoch: number; before?: number | undefined; limit: number }): Promise<Run[]>
  /** Newest first; of all sessions, but among the newest 500 runs only, so that it costs the same in any database. */
  listFailedRuns(query: { since: number; limit: number }): Promise<Run[]>
  getMemorySummary(sessionId: string): Promise<{ summary: string; throughSeq: number } | undefined>
  counts(): Promise<{ sessions: number; activeSessions: number; totalMessages: number }>
  /** Tokens spent, as stored with the runs of this session. */
  sessionUsage(sessionId: string): Promise<Usage & { runs: number }>
  /** Those without a run that waits or works, longest quiet first: up to a place, with it, and behind another. */
  quietSessions(query: {
    until: SessionPlace
    after?: SessionPlace | undefined
    limit: number
  }): Promise<SessionPlace[]>
  /** For an export. */
  getWholeSession(sessionId: string): Promise<WholeSession | undefined>
  getInvocation(id: string): Promise<Invocation | undefined>
  /** What this request began before; `CONFLICT` if its id was used with another payload, for a tool or anything else. */
  findInvocation(request: RequestKey): Promise<Invocation | undefined>
  /** What `keepReply` kept of this request; `CONFLICT` as above. */
  findReply(request: RequestKey): Promise<Record<string, unknown> | undefined>
}
