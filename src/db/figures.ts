import type { Histogram } from './histogram.ts'

export type { Histogram } from './histogram.ts'

/** What the store has done since it was opened, and what it does now. */
export interface StoreStats {
  writer: WriterStats
  readers: ReaderStats
}

export interface WriterStats {
  /** Transactions that were committed; many commands share one. */
  commits: number
  /** Commands that were answered, well or with an error. */
  commands: number
  /** Transactions that failed as a whole. */
  failedCommits: number
  /** Commands that were refused with `OVERLOADED`. */
  refused: number
  /** Commands that wait for their commit now, and the text that they carry, in UTF-16 units. */
  waiting: number
  waitingChars: number
  commandsPerCommit: Histogram
  /** Of a transaction: its commands and the sync of the disk. */
  commitMs: Histogram
  /** Of a command, from being given to being durable. */
  waitMs: Histogram
}

export interface ReaderStats {
  /** Threads that there may be; they start when they are needed. */
  size: number
  busy: number
  /** Threads that wait for a read. */
  idle: number
  /** Threads that did not end a read which nobody waits for any more; each was replaced while that is possible. */
  stuck: number
  /** Reads that wait for a thread now. */
  waiting: number
  /** Age of the oldest read that runs now, 0 if none does: what it sees cannot be cleaned out of the log before it ends. */
  oldestMs: number
  /** Reads that a thread has answered, well or with an error. */
  runs: number
  /** Reads whose caller was told `TIMEOUT`. */
  timeouts: number
  /** Reads whose caller went away. */
  cancelled: number
  /** Reads that were refused with `OVERLOADED`. */
  refused: number
  /** Threads that ended by themselves. */
  crashes: number
  /** From being asked for to the start. */
  waitMs: Histogram
  /** From the start to the answer. */
  runMs: Histogram
}
