import type { Accepted, AuditEntry, MissedTimes, Schedule, ScheduleCause, Store } from '../../db/store.ts'
import { TalonError } from '../../protocol/errors.ts'
import { byGateway } from '../actors.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Audit, Auth, Clock, Lifecycle, Runs } from '../record.ts'
import type { ScheduleStats } from '../record-schedules.ts'
import { missedUntil, timesOf } from './times.ts'

export interface ClockworkDeps {
  store: Pick<Store, 'listSchedules' | 'fireSchedule' | 'passSchedule' | 'pauseSchedule' | 'onCommit'>
  auth: Pick<Auth, 'scopesOf'>
  runs: Pick<Runs, 'wake'>
  lifecycle: Pick<Lifecycle, 'draining' | 'held'>
  config: Config
  clock: Clock
  newId: () => string
  log: Log
  audit: Pick<Audit, 'entry'>
  /** Does something later, unless the returned function is called before. */
  after: (ms: number, work: () => void) => () => void
}

/** What looks at the clock. */
export interface Clockwork {
  /** Does what is due, and waits for what will be; resolves when that is done. */
  look(): Promise<void>
  /** Sends a message and wakes the agent; undefined where this due time was sent before. @throws TalonError of the store */
  send(schedule: Schedule, step: SendStep): Promise<Accepted | undefined>
  /** Why its messages cannot be sent with the rights of its token; undefined if they can. */
  refusal(schedule: Pick<Schedule, 'tokenId'>): Promise<string | undefined>
  stats(): ScheduleStats
  /** Nothing is sent any more; resolves when nothing is being sent. */
  stop(): Promise<void>
}

export interface SendStep {
  dueAt: number
  cause: ScheduleCause
  nextAt: number | null
  missed?: MissedTimes | undefined
  audit?: AuditEntry | undefined
}

/** What is late by less is sent all the same: a restart, a busy moment. It is the least time between two due times. */
const graceMs = 60_000
// A clock that is set, or a machine that slept, is noticed in this time.
const maxSleepMs = 30_000
// When the store did not take something.
const retryMs = 5_000
// What two clocks that both go right may differ by.
const driftMs = 1_000

export const pausedByPerson = 'A person paused it.'
const tokenGone =
  'The token that added it was revoked, has ended, or lacks the scope "chat". Remove it, and add it anew with another token.'
const sessionGone = 'Its session was deleted. Restore the session and resume it, or remove it.'

export function createClockwork(deps: ClockworkDeps): Clockwork {
  const { store, clock, config, log, lifecycle } = deps
  // Due times that were seen in time, or are to be caught up with: they have their turn, however long that takes.
  const seen = new Map<string, { dueAt: number; cause: ScheduleCause }>()
  let known: Schedule[] = []
  let underway = new Set<string>()
  const counts = { sent: 0, missed: 0, failed: 0 }
  let last: { now: number; monotonic: number } | undefined
  let cancel: () => void = () => undefined
  let looking: Promise<void> | undefined
  let again = false
  let stopped = false

  const refusal: Clockwork['refusal'] = async ({ tokenId }) =>
    (await deps.auth.scopesOf(tokenId)).has('chat') ? undefined : tokenGone

  const noteMissed = ({ id, name }: Schedule, missed: MissedTimes | undefined, why: string) => {
    if (!missed || missed.count === 0) return
    counts.missed += missed.count
    const times = missed.times.map(time => new Date(time).toISOString())
    log.warn({ scheduleId: id, schedule: name, missed: missed.count, times }, why)
  }
  const send: Clockwork['send'] = async (schedule, step) => {
    const ids = { messageId: deps.newId(), runId: deps.newId(), newSessionId: `sess_${deps.newId()}` }
    const at = clock.now()
    const taken = await store.fireSchedule({ id: schedule.id, from: schedule.nextAt, ...step, ...ids, at })
    noteMissed(schedule, taken.missed, 'times of a schedule passed before it had its turn')
    const { fired } = taken
    if (!fired) return undefined
    underway.add(fired.runId)
    counts.sent += 1
    const { sessionId, runId } = fired
    log.info({ scheduleId: schedule.id, schedule: schedule.name, sessionId, runId }, 'a schedule was due')
    deps.runs.wake(sessionId)
    return fired
  }
  const pauseItself = async ({ id, name }: Schedule, reason: string) => {
    log.warn({ scheduleId: id, schedule: name }, `a schedule is paused: ${reason}`)
    const event = { action: 'schedule.pause', target: id, details: { paused: true, reason } } as const
    await store.pauseSchedule({ id, paused: reason, audit: deps.audit.entry(event, byGateway) })
  }
  const pass = async (schedule: Schedule, now: number, why: string) => {
    const { nextAt, ...missed } = await missedUntil(await timesOf(schedule), schedule.nextAt, now)
    noteMissed(schedule, await store.passSchedule({ id: schedule.id, from: schedule.nextAt, nextAt, missed }), why)
  }
  /** Whether a message was sent for one that is due. */
  const turn = async (schedule: Schedule, dueAt: number, now: number, free: number): Promise<boolean> => {
    const known = seen.get(schedule.id)
    let cause = known?.dueAt === dueAt ? known.cause : undefined
    if (cause === undefined && now - dueAt > graceMs && config['schedule.catchUp'] === 'off') {
      await pass(schedule, now, 'times of a schedule passed while nobody could keep them')
      return false
    }
    cause ??= now - dueAt > graceMs ? 'catch-up' : 'due'
    seen.set(schedule.id, { dueAt, cause })
    if (isUnfinished(schedule)) {
      await pass(schedule, now, 'a schedule was due while its last run was still at work')
      return false
    }
    if (free <= 0) return false
    const reason = await refusal(schedule)
    if (reason !== undefined) {
      await pauseItself(schedule, reason)
      return false
    }
    const times = await timesOf(schedule)
    const { nextAt, ...missed } = await missedUntil(times, times.after(dueAt), now)
    return (await send(schedule, { dueAt, cause, nextAt, missed })) !== undefined
  }
  const tryTurn = async (schedule: Schedule, dueAt: number, now: number, free: number): Promise<boolean> => {
    try {
      return await turn(schedule, dueAt, now, free)
    } catch (error) {
      const code = error instanceof TalonError ? error.code : undefined
      if (code === 'STORAGE_UNAVAILABLE' || code === 'OVERLOADED') throw error
      if (code === 'SESSION_NOT_FOUND') await pauseItself(schedule, sessionGone)
      else if (error instanceof TalonError)
        await pauseItself(schedule, `Its message could not be sent. ${error.message}`)
      // The others have their turn all the same.
      else log.error({ scheduleId: schedule.id, err: error }, 'a schedule could not be kept')
      return false
    }
  }
  /** A clock that was ahead has put due times where they would not come for long. Those that were sent are not sent again. */
  const realign = async (schedules: readonly Schedule[], now: number) => {
    for (const { id, nextAt, ...times } of schedules) {
      if (times.cron === null || times.paused !== null || nextAt === null) continue
      // Whatever is wrong with its times is told when it is due.
      const next = await timesOf(times).then(
        ({ after }) => after(now),
        () => null,
      )
      if (next !== null && next < nextAt) await store.passSchedule({ id, from: nextAt, nextAt: next })
    }
  }
  const list = async () => {
    known = await store.listSchedules()
    underway = new Set(known.flatMap(schedule => (isUnfinished(schedule) ? [schedule.lastRun?.runId ?? ''] : [])))
    return known
  }
  const lookOnce = async () => {
    const [now, monotonic] = [clock.now(), clock.monotonic()]
    if (!last || now - last.now < monotonic - last.monotonic - driftMs) await realign(await list(), now)
    last = { now, monotonic }
    const due = (await list()).filter(schedule => isDue(schedule, now)).sort(byTurn)
    const mayWork = !lifecycle.draining() && lifecycle.held() === undefined
    let free = config['schedule.maxRuns'] - underway.size
    for (const schedule of mayWork ? due : []) {
      if (stopped) return
      if (schedule.nextAt !== null && (await tryTurn(schedule, schedule.nextAt, now, free))) free -= 1
    }
    if (due.length > 0) await list()
    for (const id of seen.keys()) if (!known.some(schedule => schedule.id === id)) seen.delete(id)
    const nexts = known.flatMap(({ nextAt, paused }) => (nextAt === null || paused !== null ? [] : [nextAt]))
    if (nexts.length === 0) return
    const soonest = Math.min(...nexts.filter(next => next > now))
    wait(mayWork ? Math.min(Math.max(soonest - clock.now(), 0), maxSleepMs) : retryMs)
  }
  const wait = (ms: number) => {
    cancel()
    if (!stopped) cancel = deps.after(ms, () => void look())
  }
  const lookOften = async () => {
    do {
      again = false
      try {
        await lookOnce()
      } catch (error) {
        log.warn({ err: error }, 'schedules could not be looked at; it is tried again')
        wait(retryMs)
      }
    } while (again && !stopped)
    looking = undefined
  }
  const look = (): Promise<void> => {
    if (stopped) return Promise.resolve()
    again = true
    looking ??= lookOften()
    return looking
  }

  store.onCommit(changes => {
    for (const change of changes) {
      if (change.type !== 'run.finished' || !underway.has(change.run.id)) continue
      if (change.run.state === 'failed') counts.failed += 1
      void look()
    }
  })
  return {
    look,
    send,
    refusal,
    stats: () => ({ ...counts, ...figuresOf(known, clock.now()) }),
    async stop() {
      stopped = true
      cancel()
      await looking
    },
  }
}

function isDue({ nextAt, paused }: Schedule, now: number): boolean {
  return nextAt !== null && nextAt <= now && paused === null
}

function isUnfinished({ lastRun }: Schedule): boolean {
  return lastRun?.state === 'queued' || lastRun?.state === 'running'
}

/** Who is due for longest, and of these who had a turn longest ago. */
function byTurn(a: Schedule, b: Schedule): number {
  return (a.nextAt ?? 0) - (b.nextAt ?? 0) || (a.lastRun?.startedAt ?? 0) - (b.lastRun?.startedAt ?? 0)
}

function figuresOf(schedules: readonly Schedule[], now: number) {
  const coming = schedules.filter(({ nextAt, paused }) => nextAt !== null && paused === null)
  const paused = schedules.filter(schedule => schedule.paused !== null)
  return {
    active: coming.length,
    paused: paused.length,
    ended: schedules.length - coming.length - paused.length,
    overdue: coming.flatMap(({ name, nextAt: dueAt }) =>
      dueAt !== null && now - dueAt > 2 * graceMs ? [{ name, dueAt }] : [],
    ),
    stopped: paused.flatMap(({ name, paused: reason }) =>
      reason === null || reason === pausedByPerson ? [] : [{ name, reason }],
    ),
  }
}
