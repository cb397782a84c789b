import type { Session, SessionState } from '../../protocol/shapes.ts'
import type { Head, NewSession, Queries } from '../store.ts'
import { settleEnded } from './budget.ts'
import { sessionNotFound } from './errors.ts'
import { unlist } from './lists.ts'
import type { Connection } from './open.ts'
import { type CommandInput, done, type Outcome } from './outcome.ts'
import { type SessionRow, sessionColumns, toSession } from './session-row.ts'

// What the state of a session is, as the runs that are not finished tell it.
const stateByRuns = `CASE
  WHEN EXISTS (SELECT 1 FROM runs WHERE runs.session_id = sessions.id AND runs.finished_at IS NULL) THEN 'active'
  WHEN state = 'active' THEN 'idle' ELSE state END`

export function createSession(
  connection: Connection,
  input: CommandInput<'createSession'>,
): Outcome<{ session: Session }> {
  const session = insertSession(connection, input, input.at)
  return { result: { session }, changes: [{ type: 'session.created', session }] }
}

export function insertSession(connection: Connection, input: NewSession, at: number): Session {
  const row = connection
    .prepared<SessionRow>(
      `INSERT INTO sessions (id, sender_id, channel, state, created_at, last_active_at, model, config, title, sender_name, group_id, profile, listed_at, unlisted)
       VALUES (?, ?, ?, 'created', ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING ${sessionColumns}`,
    )
    .get(
      input.id,
      input.senderId,
      input.channel,
      at,
      at,
      input.model ?? null,
      input.config === undefined ? null : JSON.stringify(input.config),
      input.title ?? null,
      input.senderName ?? null,
      input.groupId ?? null,
      input.profile ?? null,
      at,
    )
  return toSession(must(row, input.id))
}

/** Takes a session that was just made out of the way: no message of its sender's channel goes there. */
export function setAside(connection: Connection, sessionId: string, tainted: boolean): Session {
  const row = connection
    .prepared<SessionRow>(`UPDATE sessions SET aside = 1, tainted = ? WHERE id = ? RETURNING ${sessionColumns}`)
    .get(Number(tainted), sessionId)
  return toSession(must(row, sessionId))
}

/** The sender's own session in a channel, or the group's: the one with the newest activity that is no copy made aside. */
export function findSession(connection: Connection, wanted: NewSession): string | undefined {
  if (wanted.groupId !== undefined) {
    return connection
      .prepared<{ id: string }>(
        `SELECT id FROM sessions WHERE deleted_at IS NULL AND aside = 0 AND channel = ? AND group_id = ?
         ORDER BY last_active_at DESC, id DESC LIMIT 1`,
      )
      .get(wanted.channel, wanted.groupId)?.id
  }
  const own = 'deleted_at IS NULL AND channel = @channel AND sender_id = @senderId AND group_id IS NULL AND aside = 0'
  const listed = (state: SessionState) =>
    `SELECT id, listed_at AS last_active_at FROM sessions WHERE ${own} AND unlisted = 0 AND listed_state = '${state}'`
  return connection
    .prepared<{ id: string }>(
      `${listed('created')} UNION ALL ${listed('active')} UNION ALL ${listed('idle')}
       UNION ALL SELECT id, last_active_at FROM sessions INDEXED BY idx_sessions_unlisted WHERE ${own} AND unlisted = 1
       ORDER BY last_active_at DESC, id DESC LIMIT 1`,
    )
    .get({ channel: wanted.channel, senderId: wanted.senderId })?.id
}

/** Replaces what is given: `config` as a whole. Its activity stays as it was. */
export function updateSession(
  connection: Connection,
  input: CommandInput<'updateSession'>,
): Outcome<{ session: Session }> {
  const row = connection
    .prepared<SessionRow>(
      `UPDATE sessions SET title = iif(?, ?, title), model = iif(?, ?, model), config = coalesce(?, config),
         profile = iif(?, ?, profile)
       WHERE id = ? AND deleted_at IS NULL RETURNING ${sessionColumns}`,
    )
    .get(
      Number(input.title !== undefined),
      input.title ?? null,
      Number(input.model !== undefined),
      input.model ?? null,
      input.config === undefined ? null : JSON.stringify(input.config),
      Number(input.profile !== undefined),
      input.profile ?? null,
      input.sessionId,
    )
  return updated(must(row, input.sessionId))
}

/** Begins the next epoch; the summary goes with the history that it stands for. */
export function nextEpoch(connection: Connection, sessionId: string, at: number): Session {
  const row = connection
    .prepared<SessionRow>(
      `UPDATE sessions SET epoch = epoch + 1, seq = 0, message_count = 0, memory_summary = NULL,
         summary_through_seq = NULL, tainted = 0, spoken_by = NULL, last_active_at = ?, state = ${stateByRuns}
       WHERE id = ? AND deleted_at IS NULL RETURNING ${sessionColumns}`,
    )
    .get(at, sessionId)
  return moved(connection, must(row, sessionId))
}

/** Deletes a session, so that it can be restored. */
export function hideSession(connection: Connection, sessionId: string, at: number): void {
  const { changes } = connection
    .prepared('UPDATE sessions SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL')
    .run(at, sessionId)
  if (changes === 0) throw sessionNotFound(sessionId)
}

/** Gives a session that is not deleted back as it is. */
export function restoreSession(
  connection: Connection,
  { sessionId, at }: CommandInput<'restoreSession'>,
): Outcome<{ session: Session }> {
  const row = connection
    .prepared<SessionRow>(
      `UPDATE sessions SET deleted_at = NULL, kept_since = ?, state = ${stateByRuns}
       WHERE id = ? AND erasing = 0 AND importing = 0 RETURNING ${sessionColumns}`,
    )
    .get(at, sessionId)
  moved(connection, must(row, sessionId))
  return updated(must(row, sessionId))
}

export function saveMemorySummary(
  connection: Connection,
  input: CommandInput<'saveMemorySummary'>,
): Outcome<undefined> {
  // A summary of more than the log holds was made of an epoch that has been reset meanwhile.
  connection
    .prepared(
      `UPDATE sessions SET memory_summary = @summary, summary_through_seq = @throughSeq
       WHERE id = @sessionId AND seq >= @throughSeq AND epoch = coalesce(@epoch, epoch)`,
    )
    .run({
      sessionId: input.sessionId,
      summary: input.summary,
      throughSeq: input.throughSeq,
      epoch: input.epoch ?? null,
    })
  settleEnded(connection, input.ended, input.at ?? 0)
  return done
}

/**
 * Makes room for a user message, which a run will answer: the next seq of the current epoch. Another token or sender than
 * the first is somebody else, whose text taints.
 */
export function admitMessage(
  connection: Connection,
  sessionId: string,
  from: { tokenId: string; senderId: string | undefined; at: number },
): Session {
  const row = connection
    .prepared<SessionRow>(
      `UPDATE sessions SET seq = seq + 1, message_count = message_count + 1, run_count = run_count + 1,
         last_active_at = @at, state = 'active', spoken_by = coalesce(spoken_by, @tokenId),
         tainted = max(tainted, coalesce(spoken_by, @tokenId) <> @tokenId, coalesce(@senderId, sender_id) <> sender_id)
       WHERE id = @sessionId AND deleted_at IS NULL RETURNING ${sessionColumns}`,
    )
    .get({ sessionId, tokenId: from.tokenId, senderId: from.senderId ?? null, at: from.at })
  return moved(connection, must(row, sessionId))
}

/** Follows what a run did: `appended` entries more in the current epoch, tokens spent. A deleted session follows too. */
export function followRun(
  connection: Connection,
  input: {
    sessionId: string
    appended: 0 | 1
    at: number
    inputTokens: number
    outputTokens: number
    totalTokens: number
  },
): { session: Session; deleted: boolean } {
  const row = connection
    .prepared<SessionRow>(
      `UPDATE sessions SET seq = seq + @appended, message_count = message_count + @appended, last_active_at = @at,
         input_tokens = input_tokens + @inputTokens, output_tokens = output_tokens + @outputTokens, total_tokens = total_tokens + @totalTokens,
         state = ${stateByRuns}
       WHERE id = @sessionId RETURNING ${sessionColumns}`,
    )
    .get(input)
  const found = must(row, input.sessionId)
  return { session: moved(connection, found), deleted: found.deleted_at !== null }
}

export function getSession(connection: Connection, sessionId: string): Session | undefined {
  const row = connection
    .prepared<SessionRow>(`SELECT ${sessionColumns} FROM sessions WHERE id = ? AND deleted_at IS NULL`)
    .get(sessionId)
  return row && toSession(row)
}

export function getHead(connection: Connection, sessionId: string): Head | undefined {
  return connection.prepared<Head>('SELECT epoch, seq FROM sessions WHERE id = ? AND deleted_at IS NULL').get(sessionId)
}

export function getMemorySummary(
  connection: Connection,
  sessionId: string,
): Awaited<ReturnType<Queries['getMemorySummary']>> {
  return connection
    .prepared<{ summary: string; throughSeq: number }>(
      `SELECT memory_summary AS summary, summary_through_seq AS throughSeq FROM sessions
       WHERE id = ? AND deleted_at IS NULL AND memory_summary IS NOT NULL AND summary_through_seq IS NOT NULL`,
    )
    .get(sessionId)
}

export function sessionUsage(connection: Connection, sessionId: string): Awaited<ReturnType<Queries['sessionUsage']>> {
  const row = connection
    .prepared<Awaited<ReturnType<Queries['sessionUsage']>>>(
      `SELECT input_tokens AS inputTokens, output_tokens AS outputTokens, total_tokens AS totalTokens, run_count AS runs
       FROM sessions WHERE id = ? AND deleted_at IS NULL`,
    )
    .get(sessionId)
  return must(row, sessionId)
}

export function counts(connection: Connection): Awaited<ReturnType<Queries['counts']>> {
  const row = connection
    .prepared<Awaited<ReturnType<Queries['counts']>>>(
      `SELECT sessions, messages AS totalMessages,
         (SELECT count(*) FROM sessions WHERE deleted_at IS NULL AND unlisted = 0 AND listed_state = 'active')
         + (SELECT count(*) FROM sessions INDEXED BY idx_sessions_unlisted
            WHERE deleted_at IS NULL AND unlisted = 1 AND state = 'active') AS activeSessions
       FROM counts WHERE id = 1`,
    )
    .get()
  return row ?? { sessions: 0, activeSessions: 0, totalMessages: 0 }
}

/** For a row whose activity or state is new. */
function moved(connection: Connection, row: SessionRow): Session {
  unlist(connection, row)
  return toSession(row)
}

function updated(row: SessionRow): Outcome<{ session: Session }> {
  const session = toSession(row)
  return { result: { session }, changes: [{ type: 'session.updated', session }] }
}

function must<Row>(row: Row | undefined, sessionId: string): Row {
  if (row === undefined) throw sessionNotFound(sessionId)
  return row
}
