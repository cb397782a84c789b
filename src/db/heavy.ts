import type { AuditVerdict } from './audit.ts'
import type { MemoryHeavyQueries } from './memory.ts'
import type { SessionPlace } from './records.ts'
import type { SearchInput, SearchResult } from './search/result.ts'
import type { UsageQuery, UsageReport } from './spending.ts'

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
export interface HeavyQueries extends MemoryHeavyQueries {
  /** What was spent in some days, with the sum of all of it. */
  usage(query: UsageQuery, options?: ReadOptions): Promise<UsageReport>
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
  /** Looks through the whole audit trail; `noted` is the hash of an entry, hex, that must be in it. */
  verifyAudit(query: { noted?: string | undefined }, options?: ReadOptions): Promise<AuditVerdict>
}
