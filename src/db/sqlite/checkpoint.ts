import type { Connection } from './open.ts'

/** Folds the log of a database into it, so that the log stays small. */
export interface Checkpoints {
  /** Folds if the log has grown past its bound. Called when a moment's wait does no harm. */
  look(): void
  /** Folds all of it and gives its space back, unless somebody reads in it now. */
  cut(): void
  /** At the end: folds all of it. */
  end(): void
}

interface LogState {
  /** Pages in the log. */
  log: number
  /** Of these, the ones that the database has already. */
  checkpointed: number
}

// 16 MiB of log between checkpoints: each syncs the whole file, and commits wait for it.
export const defaultMaxPages = 4_000
// Over this (64 MiB) the file itself is cut, which is no use for a log that will be as long again.
const pagesToCut = 16_000
// A read that began before keeps its pages in the log; asking more often would not end it.
const retryMs = 1_000

/**
 * Takes the checkpoints of a connection over. SQLite's own would come inside a commit, and again with each one for as
 * long as a reader keeps the log from being used anew.
 */
export function createCheckpoints(connection: Connection, maxPages = defaultMaxPages): Checkpoints {
  const { database } = connection
  database.pragma('wal_autocheckpoint = 0')
  let retry: NodeJS.Timeout | undefined

  const run = (mode: 'NOOP' | 'PASSIVE' | 'TRUNCATE') => database.pragma(`wal_checkpoint(${mode})`) as LogState[]
  const fold = () => {
    retry = undefined
    const [before] = run('NOOP')
    if (!before || before.log - before.checkpointed < maxPages) return
    const [after] = run('PASSIVE')
    if (!after) return
    if (after.checkpointed < after.log) retry = setTimeout(() => attempt(fold), retryMs)
    else if (after.log > pagesToCut) cut()
  }
  /** Without the patience for others that it has: commits would wait for a reader. */
  const cut = () => {
    const timeoutMs = database.pragma('busy_timeout', { simple: true })
    database.pragma('busy_timeout = 0')
    attempt(() => run('TRUNCATE'))
    database.pragma(`busy_timeout = ${timeoutMs}`)
  }
  return {
    look() {
      if (retry === undefined) attempt(fold)
    },
    cut,
    end() {
      clearTimeout(retry)
      attempt(() => run('TRUNCATE'))
    },
  }
}

/** A disk that is full or fails is noticed by those who wait for a commit; the log holds everything meanwhile. */
function attempt(act: () => void): void {
  try {
    act()
  } catch {}
}
