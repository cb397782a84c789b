import type { Accepted, MissedTimes, ScheduleRun } from '../store.ts'
import { appendAudit } from './audit.ts'
import { taint } from './grants.ts'
import { earlier } from './idempotency.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'
import { type RunOfSchedule, runColumns, runOfSchedule, type ScheduleRow } from './schedule-row.ts'
import { anySchedule, moveOn, scheduleAt } from './schedules.ts'
import { sendMessage } from './send.ts'
import { insertSession, setAside } from './sessions.ts'

// Of one schedule, the newest. The messages themselves stay as long as their sessions.
const maxRuns = 100
const speaker = 'schedule'

/** The message, its run, and the step to the next due time are one commit, so that no crash comes between them. */
export function fireSchedule(
  connection: Connection,
  input: CommandInput<'fireSchedule'>,
): Outcome<{ fired?: Accepted; missed?: MissedTimes | undefined }> {
  const { id, dueAt, cause } = input
  const row = cause === 'manual' ? anySchedule(connection, id) : scheduleAt(connection, input)
  if (!row) return { result: {}, changes: [] }
  const missed = cause === 'manual' ? undefined : moveOn(connection, row, input)
  const request = { tokenId: row.token_id, requestId: `schedule:${id}:${dueAt}`, hash: `${id}:${dueAt}` }
  const isKept = connection.prepared('SELECT 1 FROM schedule_runs WHERE schedule_id = ? AND due_at = ?').get(id, dueAt)
  if (isKept || earlier(connection, request, 'message')) return { result: { missed }, changes: [] }
  const sent = send(connection, row, input, request)
  note(connection, input, sent.result)
  if (input.audit) appendAudit(connection, input.audit)
  return { result: { fired: sent.result, missed }, changes: sent.changes }
}

/** Newest first. */
export function scheduleRuns(connection: Connection, { id, limit }: { id: string; limit: number }): ScheduleRun[] {
  return connection
    .prepared<RunOfSchedule>(
      `SELECT ${runColumns} FROM schedule_runs LEFT JOIN runs ON runs.id = run_id
       WHERE schedule_id = ? ORDER BY due_at DESC LIMIT ?`,
    )
    .all(id, limit)
    .map(runOfSchedule)
}

function send(
  connection: Connection,
  row: ScheduleRow,
  { messageId, runId, newSessionId, at }: CommandInput<'fireSchedule'>,
  request: { tokenId: string; requestId: string; hash: string },
): Outcome<Accepted> {
  const sessionId = row.session_id ?? newSessionId
  const made = row.session_id === null ? [makeSession(connection, row, newSessionId, at)] : []
  const message = { messageId, runId, text: row.text, senderName: speaker, tokenId: row.token_id, at, request }
  const sent = sendMessage(connection, { target: { sessionId }, ...message })
  connection.prepared('UPDATE runs SET profile = ? WHERE id = ?').run(row.profile, runId)
  const tainted = row.tainted === 1 ? taint(connection, runId).changes : []
  const { duplicate: _never, ...accepted } = sent.result
  return { result: accepted, changes: [...made, ...sent.changes, ...tainted] }
}

function makeSession(connection: Connection, row: ScheduleRow, id: string, at: number) {
  insertSession(connection, { id, senderId: row.id, channel: speaker, senderName: speaker, title: row.name }, at)
  return { type: 'session.created' as const, session: setAside(connection, id, false) }
}

function note(connection: Connection, input: CommandInput<'fireSchedule'>, sent: Accepted): void {
  const { id, dueAt, cause, at } = input
  connection
    .prepared(
      'INSERT INTO schedule_runs (schedule_id, due_at, cause, started_at, session_id, run_id) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(id, dueAt, cause, at, sent.sessionId, sent.runId)
  connection
    .prepared(
      `DELETE FROM schedule_runs WHERE schedule_id = @id AND due_at < (
         SELECT due_at FROM schedule_runs WHERE schedule_id = @id ORDER BY due_at DESC LIMIT 1 OFFSET ${maxRuns - 1})`,
    )
    .run({ id })
}
