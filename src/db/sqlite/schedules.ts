import { TalonError } from '../../protocol/errors.ts'
import type { MissedTimes, Schedule, ScheduleStep } from '../store.ts'
import { sessionNotFound } from './errors.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'
import {
  type RunOfSchedule,
  runColumns,
  type ScheduleRow,
  scheduleColumns,
  timesOf,
  toSchedule,
} from './schedule-row.ts'

// Each is looked at whenever one is due; a person does not keep more of them in mind.
const maxSchedules = 100
// Of those that are not due any more, kept for a look.
const maxEnded = 100
// Of the due times that were missed, the newest.
const maxMissedTimes = 10

// Of the newest due time, where there is one.
const listed = `SELECT ${scheduleColumns}, ${runColumns} FROM schedules
  LEFT JOIN schedule_runs ON schedule_id = schedules.id
    AND due_at = (SELECT max(due_at) FROM schedule_runs WHERE schedule_id = schedules.id)
  LEFT JOIN runs ON runs.id = run_id`

/** @throws TalonError `CONFLICT` if there are too many, `SESSION_NOT_FOUND` */
export function addSchedule(connection: Connection, input: CommandInput<'addSchedule'>): Outcome<{ id: string }> {
  if (input.sessionId !== null) mustExist(connection, input.sessionId)
  const { active } = connection
    .prepared<{ active: number }>('SELECT count(*) AS active FROM schedules WHERE next_at IS NOT NULL')
    .get() ?? { active: 0 }
  if (active >= maxSchedules) {
    throw new TalonError(
      'CONFLICT',
      `There are ${maxSchedules} schedules already. Remove one that is not needed first.`,
    )
  }
  connection
    .prepared(
      `DELETE FROM schedules WHERE next_at IS NULL AND id NOT IN (
         SELECT id FROM schedules WHERE next_at IS NULL ORDER BY created_at DESC, id DESC LIMIT ${maxEnded - 1})`,
    )
    .run()
  connection
    .prepared(
      `INSERT INTO schedules (id, name, cron, once_at, timezone, text, session_id, token_id, profile, tainted, created_at, next_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      input.id,
      input.name,
      input.cron,
      input.onceAt,
      input.timezone,
      input.text,
      input.sessionId,
      input.tokenId,
      input.profile,
      Number(input.tainted),
      input.createdAt,
      input.nextAt,
    )
  return { result: { id: input.id }, changes: [] }
}

export function removeSchedule(connection: Connection, { id }: CommandInput<'removeSchedule'>): Outcome<boolean> {
  const { changes } = connection.prepared('DELETE FROM schedules WHERE id = ?').run(id)
  return { result: changes === 1, changes: [] }
}

export function pauseSchedule(connection: Connection, input: CommandInput<'pauseSchedule'>): Outcome<boolean> {
  const { id, paused, nextAt } = input
  const { changes } = connection
    .prepared(
      `UPDATE schedules SET paused = ?, next_at = iif(?, ?, next_at)
       WHERE id = ? AND (paused IS NULL) <> (? IS NULL)`,
    )
    .run(paused, Number(nextAt !== undefined), nextAt ?? null, id, paused)
  return { result: changes === 1, changes: [] }
}

export function passSchedule(connection: Connection, step: ScheduleStep): Outcome<MissedTimes | undefined> {
  const row = scheduleAt(connection, step)
  return { result: row && moveOn(connection, row, step), changes: [] }
}

export function listSchedules(connection: Connection): Schedule[] {
  return connection
    .prepared<ScheduleRow & RunOfSchedule>(`${listed} ORDER BY schedules.created_at, schedules.id`)
    .all()
    .map(toSchedule)
}

export function getSchedule(connection: Connection, id: string): Schedule | undefined {
  const row = connection.prepared<ScheduleRow & RunOfSchedule>(`${listed} WHERE schedules.id = ?`).get(id)
  return row && toSchedule(row)
}

/** The schedule, if it is where the step begins, and goes on. */
export function scheduleAt(connection: Connection, { id, from }: ScheduleStep): ScheduleRow | undefined {
  return connection
    .prepared<ScheduleRow>(`SELECT ${scheduleColumns} FROM schedules WHERE id = ? AND next_at IS ? AND paused IS NULL`)
    .get(id, from)
}

export function anySchedule(connection: Connection, id: string): ScheduleRow | undefined {
  return connection.prepared<ScheduleRow>(`SELECT ${scheduleColumns} FROM schedules WHERE id = ?`).get(id)
}

/** What was missed on the way, see `passSchedule`. */
export function moveOn(connection: Connection, row: ScheduleRow, step: ScheduleStep & { dueAt?: number }): MissedTimes {
  const missed = unsent(connection, row, step)
  const times = [...timesOf(row), ...missed.times].slice(-maxMissedTimes)
  connection
    .prepared('UPDATE schedules SET next_at = ?, missed = missed + ?, missed_at = ? WHERE id = ?')
    .run(step.nextAt, missed.count, JSON.stringify(times), row.id)
  return missed
}

function unsent(
  connection: Connection,
  row: ScheduleRow,
  { missed, dueAt }: ScheduleStep & { dueAt?: number },
): MissedTimes {
  const newest = missed?.times.at(-1)
  if (!missed || newest === undefined) return { count: 0, times: [] }
  const sent = connection
    .prepared<{ at: number }>(
      `SELECT due_at AS at FROM schedule_runs
       WHERE schedule_id = ? AND cause <> 'manual' AND due_at BETWEEN ? AND ? AND due_at IS NOT ?`,
    )
    .all(row.id, row.next_at, newest, dueAt ?? null)
    .map(({ at }) => at)
  return { count: missed.count - sent.length, times: missed.times.filter(time => !sent.includes(time)) }
}

function mustExist(connection: Connection, sessionId: string): void {
  const found = connection.prepared('SELECT 1 FROM sessions WHERE id = ? AND deleted_at IS NULL').get(sessionId)
  if (!found) throw sessionNotFound(sessionId)
}
