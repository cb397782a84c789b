import type { Profile, RunState } from '../../protocol/shapes.ts'
import type { Schedule, ScheduleCause, ScheduleRun } from '../store.ts'

export interface ScheduleRow {
  id: string
  name: string
  cron: string | null
  once_at: number | null
  timezone: string
  text: string
  session_id: string | null
  token_id: string
  profile: Profile
  tainted: number
  created_at: number
  next_at: number | null
  paused: string | null
  missed: number
  missed_at: string
}

const names = [
  ...[
    'id',
    'name',
    'cron',
    'once_at',
    'timezone',
    'text',
    'session_id',
    'token_id',
    'profile',
    'tainted',
    'created_at',
  ],
  ...['next_at', 'paused', 'missed', 'missed_at'],
]
export const scheduleColumns = names.map(name => `schedules.${name}`).join(', ')

/** Of the newest due time; all null where there is none. */
export interface RunOfSchedule {
  due_at: number | null
  started_at: number
  cause: ScheduleCause
  run_session_id: string
  run_id: string
  state: RunState | null
  error: string | null
}

export const runColumns =
  'due_at, schedule_runs.started_at, cause, schedule_runs.session_id AS run_session_id, run_id, runs.state, runs.error'

export function toSchedule(row: ScheduleRow & RunOfSchedule): Schedule {
  const lastRun: ScheduleRun | null = row.due_at === null ? null : runOfSchedule(row)
  return {
    id: row.id,
    name: row.name,
    cron: row.cron,
    onceAt: row.once_at,
    timezone: row.timezone,
    text: row.text,
    sessionId: row.session_id,
    tokenId: row.token_id,
    profile: row.profile,
    tainted: row.tainted === 1,
    createdAt: row.created_at,
    nextAt: row.next_at,
    paused: row.paused,
    missed: row.missed,
    missedAt: timesOf(row),
    lastRun,
  }
}

export function timesOf({ missed_at }: Pick<ScheduleRow, 'missed_at'>): number[] {
  // Written above from a list of numbers.
  return JSON.parse(missed_at) as number[]
}

export function runOfSchedule(row: RunOfSchedule): ScheduleRun {
  return {
    dueAt: row.due_at ?? row.started_at,
    startedAt: row.started_at,
    cause: row.cause,
    sessionId: row.run_session_id,
    runId: row.run_id,
    state: row.state,
    error: row.error,
  }
}
