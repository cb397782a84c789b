import type { Connection } from './open.ts'
import type { SessionRow } from './session-row.ts'

// Every list reads this many rows besides its page, so that it stays within a millisecond.
const maxUnlisted = 1_000
// About a millisecond of work in one step.
const listedPerStep = 64

/**
 * To be called with the row that a command left: says that its place in the list indexes is to be brought up to date.
 * Where too many wait for that already, it is done at once, so that a list never has to read more than these.
 */
export function unlist(connection: Connection, row: Pick<SessionRow, 'id' | 'unlisted'>): void {
  if (row.unlisted === 1) return
  const full = connection
    .prepared(
      `SELECT 1 FROM sessions INDEXED BY idx_sessions_unlisted WHERE unlisted = 1 LIMIT 1 OFFSET ${maxUnlisted - 1}`,
    )
    .get()
  if (full) connection.prepared(`UPDATE sessions SET ${upToDate} WHERE id = ?`).run(row.id)
  else connection.prepared('UPDATE sessions SET unlisted = 1 WHERE id = ?').run(row.id)
}

/** Brings some sessions to their places in the list indexes, those first that have been quiet for longest. */
export function listAnew(connection: Connection): boolean {
  const { changes } = connection
    .prepared(
      `UPDATE sessions SET ${upToDate} WHERE rowid IN (
         SELECT rowid FROM sessions INDEXED BY idx_sessions_unlisted WHERE unlisted = 1
         ORDER BY last_active_at LIMIT ${listedPerStep})`,
    )
    .run()
  return changes === listedPerStep
}

const upToDate = 'listed_at = last_active_at, listed_state = state, unlisted = 0'
