import type { Connection } from './open.ts'

/** A part of a fork's first epoch: entries `firstSeq` to `lastSeq` lie in an epoch of another session, under the same seq. */
export interface Base {
  firstSeq: number
  lastSeq: number
  sessionId: string
  epoch: number
}

/** The parts that hold the entries between two seqs, without them, nearest first; each has one entry at least. */
export function basesBetween(
  connection: Connection,
  query: { sessionId: string; after: number; before: number; upward: boolean; limit: number },
): Base[] {
  return connection
    .prepared<Base>(
      `SELECT first_seq AS firstSeq, last_seq AS lastSeq, source_session_id AS sessionId, source_epoch AS epoch
       FROM session_bases WHERE session_id = ? AND last_seq > ? AND first_seq < ?
       ORDER BY first_seq ${query.upward ? 'ASC' : 'DESC'} LIMIT ?`,
    )
    .all(query.sessionId, query.after, query.before, query.limit)
}

/** Up to where forks still show the epochs of a session; an epoch that none shows is not among them. */
export function heldEpochs(connection: Connection, sessionId: string): { epoch: number; lastSeq: number }[] {
  return connection
    .prepared<{ epoch: number; lastSeq: number }>(
      `SELECT source_epoch AS epoch, max(last_seq) AS lastSeq FROM session_bases
       WHERE source_session_id = ? GROUP BY source_epoch ORDER BY source_epoch`,
    )
    .all(sessionId)
}

/** Ends what a session shows of others: what was held for it alone can be erased from now on. */
export function releaseBases(connection: Connection, sessionId: string): void {
  connection
    .prepared(
      `UPDATE sessions SET held = 0
       WHERE held = 1 AND id IN (SELECT source_session_id FROM session_bases WHERE session_id = ?)`,
    )
    .run(sessionId)
  connection.prepared('DELETE FROM session_bases WHERE session_id = ?').run(sessionId)
}
