import { setImmediate as breathe } from 'node:timers/promises'
import type { Cron } from 'croner'
import type { MissedTimes, ScheduleTimes } from '../../db/store.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { ForeseenTimes, WantedTimes } from '../record-schedules.ts'

const shownTimes = 3
// Nobody means more, and each costs some microseconds.
const maxExpressionChars = 200
// Missed times are counted one by one; of an expression that is due each minute these are the last eight hours.
const maxCounted = 500
const keptTimes = 10
// Each takes under a tenth of a millisecond.
const timesPerTurn = 25
// The clock of a person who writes a moment may be a little behind.
const pastMs = 1_000

/** When a schedule is due. */
export interface Times {
  /** The first due time after this moment, in Unix ms; null if there is none. */
  after(moment: number): number | null
}

/** croner is loaded when the first schedule needs it. @throws TalonError `INVALID_MESSAGE` for times that cannot be read (any more) */
export async function timesOf({ cron, onceAt, timezone }: ScheduleTimes): Promise<Times> {
  if (cron === null) return { after: moment => (onceAt !== null && onceAt > moment ? onceAt : null) }
  const expression = await read(cron, zoneOf(timezone))
  return { after: moment => expression.nextRun(new Date(moment))?.getTime() ?? null }
}

/** Due times from one that is over to now, with the first behind it. At most so many are counted. */
export async function missedUntil(
  times: Times,
  from: number | null,
  now: number,
): Promise<MissedTimes & { nextAt: number | null }> {
  const newest: number[] = []
  let count = 0
  let due = from
  while (due !== null && due <= now && count < maxCounted) {
    count += 1
    newest.push(due)
    if (newest.length > keptTimes) newest.shift()
    due = times.after(due)
    if (count % timesPerTurn === 0) await breathe()
  }
  return { count, times: newest, nextAt: due === null || due > now ? due : times.after(now) }
}

/** What somebody wrote, read and checked. @throws TalonError `INVALID_MESSAGE` that says what would be right */
export async function foresee(wanted: WantedTimes, standard: string, now: number): Promise<ForeseenTimes> {
  const { cron, at } = wanted
  const timezone = zoneOf(wanted.timezone ?? standard)
  if ((cron === undefined) === (at === undefined)) {
    throw invalid('Name either "cron", such as "0 8 * * 1-5", or "at", such as "2026-11-24T08:00".')
  }
  const times = {
    cron: cron === undefined ? null : cron.trim(),
    onceAt: at === undefined ? null : await momentOf(at, timezone),
    timezone,
  }
  const { after } = await timesOf(times)
  const next: number[] = []
  for (
    let due = after(cron === undefined ? now - pastMs : now);
    due !== null && next.length < shownTimes;
    due = after(due)
  )
    next.push(due)
  if (next.length > 0) return { ...times, next }
  if (times.onceAt === null) throw invalid(`"cron": ${JSON.stringify(cron)} names no day that ever comes.`)
  const said = new Date(times.onceAt).toISOString()
  throw invalid(`"at": ${said} is over. It is ${new Date(now).toISOString()} now.`)
}

/** The zone of this machine. */
export function machineTimezone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

async function read(expression: string, timezone: string): Promise<Cron> {
  const fields = expression.trim().split(/\s+/).length
  if (fields !== 5 && !expression.startsWith('@')) {
    throw invalid(`"cron": ${JSON.stringify(expression)} has ${fields} ${fields === 1 ? 'field' : 'fields'}. ${form}`)
  }
  const { Cron } = await import('croner')
  try {
    // Five fields hold no seconds: a minute is the least between two due times.
    return new Cron(expression, { mode: '5-part', timezone, paused: true })
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : 'it cannot be read'
    throw invalid(`"cron": ${JSON.stringify(expression)}: ${reason.replace(/\.?$/, '.')} ${form}`)
  }
}

const form =
  'It has five fields: minute, hour, day of the month, month, day of the week. "0 8 * * 1-5" is 8:00 from Monday to Friday, "*/15 * * * *" every 15 minutes.'

async function momentOf(at: string | number, timezone: string): Promise<number> {
  if (typeof at === 'number') return at
  const { Cron } = await import('croner')
  const text = at.trim()
  try {
    const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? new Cron(text, { timezone, paused: true }).getOnce() : null
    if (moment) return moment.getTime()
  } catch {
    // The sentence below says what is right.
  }
  throw invalid(
    `"at": ${JSON.stringify(at)} is no moment. Write "2026-11-24T08:00" for a time in the time zone, or "2026-11-24T07:00:00Z".`,
  )
}

function zoneOf(name: string): string {
  const zone = name === 'auto' ? machineTimezone() : name
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone
  } catch {
    throw invalid(`"timezone": ${JSON.stringify(name)} is no time zone. Write one such as "Europe/Berlin" or "UTC".`)
  }
}

/** @throws TalonError `INVALID_MESSAGE` for what is longer than anybody writes */
export function refuseLong(cron: string | undefined): void {
  if (cron !== undefined && cron.length > maxExpressionChars) {
    throw invalid(`"cron" has at most ${maxExpressionChars} characters.`)
  }
}

function invalid(text: string): TalonError {
  return new TalonError('INVALID_MESSAGE', text)
}
