import type { Schedule, Store } from '../db/store.ts'
import { TalonError } from '../protocol/errors.ts'
import type { Schedules } from './record.ts'
import { type ClockworkDeps, createClockwork, pausedByPerson } from './schedule/clockwork.ts'
import { foresee, refuseLong, timesOf } from './schedule/times.ts'

export interface GatewaySchedules extends Schedules {
  /** Begins to look at the clock; resolves when what is due was sent. */
  start(): Promise<void>
  /** Nothing is sent any more. */
  stop(): Promise<void>
}

export interface ScheduleDeps extends Omit<ClockworkDeps, 'store' | 'after'> {
  store: ClockworkDeps['store'] & Pick<Store, 'addSchedule' | 'removeSchedule' | 'getSchedule' | 'scheduleRuns'>
  after?: ClockworkDeps['after']
}

const shownRuns = 20
const maxNameChars = 60

/** What comes by the clock. */
export function createSchedules(deps: ScheduleDeps): GatewaySchedules {
  const { store, clock, config, audit } = deps
  const clockwork = createClockwork({ after, ...deps })
  const must = async (id: string): Promise<Schedule> => {
    const schedule = await store.getSchedule(id)
    if (!schedule) throw notFound()
    return schedule
  }
  const foreseen: Schedules['foresee'] = wanted => {
    refuseLong(wanted.cron)
    return foresee(wanted, config['schedule.timezone'], clock.now())
  }
  return {
    start: clockwork.look,
    stop: clockwork.stop,
    stats: clockwork.stats,
    list: () => store.listSchedules(),
    foresee: foreseen,
    async get(id) {
      return { schedule: await must(id), runs: await store.scheduleRuns({ id, limit: shownRuns }) }
    },
    async add({ name, by, request, cron, at, timezone, ...wanted }) {
      const { next, ...times } = await foreseen({ cron, at, timezone })
      const id = `sched_${deps.newId()}`
      const nextAt = next[0] ?? null
      const row = { ...wanted, ...times, id, name: name?.trim() || nameOf(wanted.text), createdAt: clock.now(), nextAt }
      const details = { name: row.name, cron: row.cron, onceAt: row.onceAt, timezone: row.timezone }
      const entry = by && audit.entry({ action: 'schedule.add', target: id, details }, by)
      const added = await store.addSchedule({ ...row, request, audit: entry })
      void clockwork.look()
      return { schedule: await must(added.id), duplicate: added.duplicate }
    },
    async remove(id, by) {
      const entry = by && audit.entry({ action: 'schedule.remove', target: id }, by)
      if (!(await store.removeSchedule({ id, audit: entry }))) throw notFound()
      void clockwork.look()
    },
    async pause(id, paused, by) {
      const schedule = await must(id)
      const nextAt = paused ? undefined : await resumedAt(schedule)
      const entry = audit.entry({ action: 'schedule.pause', target: id, details: { paused } }, by)
      await store.pauseSchedule({ id, paused: paused ? pausedByPerson : null, nextAt, audit: entry })
      void clockwork.look()
      return must(id)
    },
    async run(id, by) {
      const schedule = await must(id)
      const entry = audit.entry({ action: 'schedule.run', target: id }, by)
      const fired = await sendNow(schedule, entry)
      void clockwork.look()
      const { sessionId, runId } = fired
      return { sessionId, runId }
    },
  }

  /** When it is due after a pause. What came in the pause is not missed: somebody wanted it so. */
  async function resumedAt(schedule: Schedule): Promise<number | null> {
    if (schedule.paused === null) return schedule.nextAt
    const reason = await clockwork.refusal(schedule)
    if (reason !== undefined) throw new TalonError('CONFLICT', reason)
    const nextAt = (await timesOf(schedule)).after(clock.now())
    if (nextAt === null) throw new TalonError('CONFLICT', 'Its time is over: add it anew.')
    return nextAt
  }

  async function sendNow(schedule: Schedule, entry: ReturnType<typeof audit.entry>) {
    const reason = await clockwork.refusal(schedule)
    if (reason !== undefined) throw new TalonError('CONFLICT', reason)
    const dueAt = clock.now()
    const step = { dueAt, cause: 'manual', nextAt: schedule.nextAt, audit: entry } as const
    const fired = await clockwork.send(schedule, step)
    if (!fired) throw new TalonError('CONFLICT', 'It was run in this moment already.')
    return fired
  }
}

function after(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms).unref()
  return () => clearTimeout(timer)
}

function nameOf(text: string): string {
  const line = text.replace(/\s+/gu, ' ').trim() || 'Unnamed'
  return line.length <= maxNameChars ? line : `${line.slice(0, maxNameChars - 1).toWellFormed()}…`
}

function notFound(): TalonError {
  return new TalonError('NOT_FOUND', 'There is no schedule of this id (any more).')
}
