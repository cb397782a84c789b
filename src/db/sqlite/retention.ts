import type { SessionPlace } from '../store.ts'
import { type Check, stillWanted } from './guard.ts'
import { entryOverheadBytes } from './messages.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'

// A look at the wish of the caller costs little, but not nothing.
const sessionsPerCheck = 100

/**
 * The newest session with which those that are at least as recent hold more than so many bytes; null if all fit. Of a
 * fork only its own entries count, and nothing of a deleted session.
 */
export function edgeOfNewest(
  connection: Connection,
  { maxBytes }: { maxBytes: number },
  check: Check,
): SessionPlace | null {
  let bytes = 0
  let seen = 0
  for (const place of newestFirst(connection)) {
    if (++seen % sessionsPerCheck === 0) check()
    bytes += bytesOf(connection, place.id)
    if (bytes > maxBytes) return place
  }
  return null
}

/** Those whose place in the indexes is behind are few, and were active just now. */
function* newestFirst(connection: Connection): Generator<SessionPlace> {
  const behind = connection
    .prepared<SessionPlace>(
      `SELECT id, last_active_at AS lastActiveAt FROM sessions INDEXED BY idx_sessions_unlisted
       WHERE unlisted = 1 AND deleted_at IS NULL`,
    )
    .all()
  yield* behind.toSorted((a, b) => b.lastActiveAt - a.lastActiveAt)
  const listed = (state: string) =>
    `SELECT id, listed_at AS lastActiveAt FROM sessions WHERE deleted_at IS NULL AND unlisted = 0 AND listed_state = '${state}'`
  yield* connection
    .prepared<SessionPlace>(
      `${listed('created')} UNION ALL ${listed('active')} UNION ALL ${listed('idle')} ORDER BY lastActiveAt DESC, id DESC`,
    )
    .iterate()
}

function bytesOf(connection: Connection, sessionId: string): number {
  const row = connection
    .prepared<{ bytes: number }>(
      `SELECT ifnull(sum(octet_length(content) + ifnull(octet_length(tool_calls), 0) + ${entryOverheadBytes}), 0) AS bytes
       FROM messages WHERE ${stillWanted('rowid')} AND session_id = ?`,
    )
    .get(sessionId)
  return row?.bytes ?? 0
}

/** Sessions without a run that waits or works, longest quiet first: up to a place, with it, and behind another. */
export function quietSessions(
  connection: Connection,
  { until, after, limit }: { until: SessionPlace; after?: SessionPlace | undefined; limit: number },
): SessionPlace[] {
  const quiet = (state: string) =>
    `SELECT id, listed_at AS lastActiveAt FROM sessions
     WHERE deleted_at IS NULL AND unlisted = 0 AND listed_state = '${state}'
     AND (listed_at, id) <= (@untilAt, @untilId) AND (listed_at, id) > (@afterAt, @afterId)
     AND coalesce(kept_since, listed_at) <= @untilAt`
  return connection
    .prepared<SessionPlace>(`${quiet('created')} UNION ALL ${quiet('idle')} ORDER BY lastActiveAt, id LIMIT @limit`)
    .all({
      untilAt: until.lastActiveAt,
      untilId: until.id,
      afterAt: after?.lastActiveAt ?? Number.MIN_SAFE_INTEGER,
      afterId: after?.id ?? '',
      limit,
    })
}

/** Deletes a session, so that it can be restored, unless anything happened in it since it was in this state. */
export function retireSession(connection: Connection, input: CommandInput<'retireSession'>): Outcome<boolean> {
  const { changes } = connection
    .prepared(
      `UPDATE sessions SET deleted_at = @at
       WHERE id = @sessionId AND deleted_at IS NULL AND epoch = @epoch AND seq = @seq AND last_active_at = @lastActiveAt
       AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.session_id = sessions.id AND runs.finished_at IS NULL)`,
    )
    .run(input)
  if (changes === 0) return { result: false, changes: [] }
  return { result: true, changes: [{ type: 'session.deleted', sessionId: input.sessionId }] }
}
