import type { SessionPlace } from './records.ts'
import type { SearchInput, SearchResult } from './search/result.ts'

export type * from './search/result.ts'

/** How long the caller of a heavy read waits for it. */
export interface ReadOptions {
  /** Takes the read out of the queue, or ends it while it runs. */
  signal?: AbortSignal | undefined
  /** Of waiting and reading together; the store's own bound if absent. */
  timeoutMs?: number | undefined
}

/**
 * Reads that may look at a million rows. The engine makes them beside the thread that serves, a few at once; more wait.
 *
 * Any of them rejects with `TalonError`: `OVERLOADED` where too many wait already, `TIMEOUT` after its time, `CANCELLED`
 * where its signal says so, `STORAGE_UNAVAILABLE`.
 */
export interface HeavyQueries {
  /** Runs that ended in `[from, to)` and the tokens they cost, oldest day first, then by provider and model. */
  usageByDay(query: UsageQuery, options?: ReadOptions): Promise<UsageOfDay[]>
  /**
   * Finds messages and titles, best first; all that was acknowledged before is found. `INVALID_MESSAGE` for a query that
   * says nothing, or a filter with a value that cannot be.
   */
  search(query: SearchInput, options?: ReadOptions): Promise<SearchResult>
  /**
   * The newest session with which those that are at least as recent hold more than so many bytes; null if all fit. Of a
   * fork only its own entries count, and nothing of a deleted session.
   */
  edgeOfNewest(query: { maxBytes: number }, options?: ReadOptions): Promise<SessionPlace | null>
}

export interface UsageQuery {
  /** Unix milliseconds. */
  from: number
  to: number
  /** Added to UTC before a day is told; 0 if absent. */
  utcOffsetMs?: number | undefined
}

export interface UsageOfDay {
  /** `2026-11-23`, in the time zone of the offset. */
  day: string
  provider: string | null
  model: string | null
  runs: number
  /** Of these runs, those that failed. */
  failed: number
  inputTokens: number
  outputTokens: number
  totalTokens: number
}
