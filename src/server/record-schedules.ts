import type { NewSchedule, RequestKey, Schedule, ScheduleRun, ScheduleTimes } from '../db/store.ts'
import type { Actor } from './record-audit.ts'

export type { Schedule, ScheduleRun }

/** What comes by the clock: messages to the agent. */
export interface Schedules {
  /** All of them, oldest first. */
  list(): Promise<Schedule[]>
  /** One, with its newest runs, newest first. @throws TalonError `NOT_FOUND` */
  get(id: string): Promise<{ schedule: Schedule; runs: ScheduleRun[] }>
  /** What somebody wrote of times, and the first that come of it. @throws TalonError `INVALID_MESSAGE` */
  foresee(wanted: WantedTimes): Promise<ForeseenTimes>
  /** @throws TalonError `INVALID_MESSAGE`, `CONFLICT` if there are too many, `SESSION_NOT_FOUND` */
  add(wanted: WantedSchedule): Promise<{ schedule: Schedule; duplicate: boolean }>
  /** With nobody given, nobody is noted in the audit trail. @throws TalonError `NOT_FOUND` */
  remove(id: string, by?: Actor): Promise<void>
  /** Pauses it, or lets it go on; one that is so already stays. @throws TalonError `NOT_FOUND`, `CONFLICT` where it cannot go on */
  pause(id: string, paused: boolean, by: Actor): Promise<Schedule>
  /** Sends its message now, beside its times. @throws TalonError `NOT_FOUND`, `CONFLICT` where its token or session is gone */
  run(id: string, by: Actor): Promise<{ sessionId: string; runId: string }>
  stats(): ScheduleStats
}

/** Either an expression or a moment. */
export interface WantedTimes {
  /** Five fields, or a word such as @daily. */
  cron?: string | undefined
  /** ISO 8601, in the time zone where it names no other; or Unix ms. */
  at?: string | number | undefined
  /** Of the IANA database; that of the settings if absent. */
  timezone?: string | undefined
}

export interface ForeseenTimes extends ScheduleTimes {
  /** Unix ms, the first of them; at least one. */
  next: number[]
}

export interface WantedSchedule
  extends WantedTimes,
    Pick<NewSchedule, 'text' | 'sessionId' | 'tokenId' | 'profile' | 'tainted'> {
  /** Made of the text if absent. */
  name?: string | undefined
  request?: RequestKey | undefined
  by?: Actor | undefined
}

export interface ScheduleStats {
  /** Those that will come, those that are paused, those that never come again. */
  active: number
  paused: number
  ended: number
  /** Since the start: messages that were sent, due times that were missed, runs that failed. */
  sent: number
  missed: number
  failed: number
  /** Those whose time is over and that had no turn yet. */
  overdue: { name: string; dueAt: number }[]
  /** Those that the gateway paused by itself, and why. */
  stopped: { name: string; reason: string }[]
}
