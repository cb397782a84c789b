import type { Profile, RunState } from '../protocol/shapes.ts'
import type { Audited } from './audit.ts'
import type { Accepted, Once, RequestKey } from './records.ts'

/** When a schedule is due. */
export interface ScheduleTimes {
  /** Five fields; null where `onceAt` is set. */
  cron: string | null
  /** The one moment, in Unix ms. */
  onceAt: number | null
  /** Of the IANA database. */
  timezone: string
}

export interface NewSchedule extends ScheduleTimes {
  id: string
  name: string
  text: string
  /** Null for a new session each time. */
  sessionId: string | null
  /** Who adds it, and with whose rights its messages are sent. */
  tokenId: string
  /** The most that tools may do in its runs. */
  profile: Profile
  tainted: boolean
  createdAt: number
  nextAt: number | null
}

/** Why a message of a schedule was sent: its time had come, or had passed while nobody could keep it, or somebody wanted it. */
export type ScheduleCause = 'due' | 'catch-up' | 'manual'

export interface Schedule extends NewSchedule {
  /** Why it is paused, for a person; null where it is not. */
  paused: string | null
  /** Due times that no run followed. */
  missed: number
  /** The newest of them, oldest first. */
  missedAt: number[]
  lastRun: ScheduleRun | null
}

export interface ScheduleRun {
  dueAt: number
  startedAt: number
  cause: ScheduleCause
  sessionId: string
  runId: string
  /** Null where the run was erased with its session. */
  state: RunState | null
  error: string | null
}

/** Due times that are given up. */
export interface MissedTimes {
  count: number
  /** The newest of them, oldest first. */
  times: readonly number[]
}

/** A step of a schedule from one due time to the next; it is taken only from where the caller has seen it. */
export interface ScheduleStep {
  id: string
  from: number | null
  nextAt: number | null
  missed?: MissedTimes | undefined
}

export interface ScheduleCommands {
  /** `CONFLICT` if there are as many as there may be, `SESSION_NOT_FOUND`. Old ones that are not due any more make room. */
  addSchedule(input: Audited<NewSchedule & { request?: RequestKey | undefined }>): Promise<Once<{ id: string }>>
  /** False if there is none. */
  removeSchedule(input: Audited<{ id: string }>): Promise<boolean>
  /** Pauses it for this reason, or lets it go on with null; false if there is none, or it is so already. */
  pauseSchedule(
    input: Audited<{ id: string; paused: string | null; nextAt?: number | null | undefined }>,
  ): Promise<boolean>
  /**
   * Sends the message of a due time, makes the run for it, and goes on to the next, all in one commit: each due time is
   * sent once. `missed` as of `passSchedule`. `fired` is absent where that was done before, and nothing happens where the schedule is gone, paused or
   * elsewhere by now. `SESSION_NOT_FOUND` if its session was deleted.
   */
  fireSchedule(
    input: ScheduleStep & {
      dueAt: number
      cause: ScheduleCause
      messageId: string
      runId: string
      newSessionId: string
      at: number
      audit?: Audited<unknown>['audit']
    },
  ): Promise<{ fired?: Accepted; missed?: MissedTimes | undefined }>
  /**
   * Goes on to the next due time without sending anything. What was missed, without those that were sent: a clock that went
   * back comes by them again. Undefined if it is elsewhere by now.
   */
  passSchedule(input: ScheduleStep): Promise<MissedTimes | undefined>
}

export interface ScheduleQueries {
  /** All of them, oldest first: they are bounded. */
  listSchedules(): Promise<Schedule[]>
  getSchedule(id: string): Promise<Schedule | undefined>
  /** Newest first. */
  scheduleRuns(query: { id: string; limit: number }): Promise<ScheduleRun[]>
}
