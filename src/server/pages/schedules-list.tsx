import type { JSX } from 'preact'
import { Time, Until } from '../../islands/parts/Time.tsx'
import { momentIn } from '../moment.ts'
import type { Schedule, ScheduleRun } from '../record.ts'

const outcomes: Record<NonNullable<ScheduleRun['state']>, { word: string; tone: string }> = {
  queued: { word: 'waits for its turn', tone: 'busy' },
  running: { word: 'at work', tone: 'busy' },
  done: { word: 'done', tone: 'ok' },
  failed: { word: 'failed', tone: 'danger' },
  cancelled: { word: 'stopped', tone: 'warn' },
  interrupted: { word: 'cut short by a restart', tone: 'warn' },
}

/** Everything that is scheduled: what comes next first, then what is paused, then what is over. */
export function ScheduleList(input: { schedules: readonly Schedule[]; mayChange: boolean; now: number }): JSX.Element {
  const { schedules, mayChange, now } = input
  const sorted = schedules.toSorted((a, b) => rank(a) - rank(b) || (a.nextAt ?? 0) - (b.nextAt ?? 0))
  return (
    <ul class="card divide-y divide-line" aria-label="Schedules">
      {sorted.map(schedule => (
        <li key={schedule.id} class="flex flex-col gap-x-5 gap-y-3 px-4 py-4 sm:px-5 md:flex-row md:items-start">
          <div class="min-w-0 flex-1">
            <Name schedule={schedule} />
            <Next schedule={schedule} now={now} />
            {schedule.text !== schedule.name && (
              <p class="mt-1 line-clamp-2 text-sm break-words text-muted">{schedule.text}</p>
            )}
            <Past schedule={schedule} now={now} />
          </div>
          {mayChange && <Buttons schedule={schedule} />}
        </li>
      ))}
    </ul>
  )
}

function rank({ paused, nextAt }: Schedule): number {
  if (paused !== null) return 1
  return nextAt === null ? 2 : 0
}

function Name({ schedule: { id, name, tainted } }: { schedule: Schedule }): JSX.Element {
  return (
    <p class="flex flex-wrap items-center gap-x-2.5 gap-y-1 break-words">
      <a
        class="min-w-0 rounded-sm font-medium wrap-anywhere hover:text-accent-strong"
        href={`/schedules?id=${encodeURIComponent(id)}`}
      >
        {name}
      </a>
      {tainted && <span class="badge badge-warn">from text of others</span>}
    </p>
  )
}

/** When it comes next, or why it does not. */
export function Next({ schedule, now }: { schedule: Schedule; now: number }): JSX.Element {
  const { paused, nextAt, cron, timezone } = schedule
  return (
    <p class="mt-1 flex flex-wrap items-baseline gap-x-2.5 gap-y-1 text-sm">
      {paused !== null ? (
        <>
          <span class="badge badge-warn">paused</span>
          <span class="wrap-anywhere">{paused}</span>
        </>
      ) : nextAt === null ? (
        <span class="badge">over</span>
      ) : (
        <span>
          Next <Until at={nextAt} now={now} />, on <span class="whitespace-nowrap">{momentIn(nextAt, timezone)}</span> (
          {timezone})
        </span>
      )}
      <span class="text-muted wrap-anywhere">{cron === null ? 'once' : <code>{cron}</code>}</span>
    </p>
  )
}

/** How its last run ended, and what it missed. */
function Past({ schedule, now }: { schedule: Schedule; now: number }): JSX.Element | null {
  const { lastRun, missed, missedAt } = schedule
  const newest = missedAt.at(-1)
  if (!lastRun && missed === 0) return null
  return (
    <p class="mt-2 flex flex-wrap items-baseline gap-x-5 gap-y-1 text-sm">
      {lastRun && (
        <span>
          <Outcome run={lastRun} />, <Time at={lastRun.startedAt} now={now} />
          {lastRun.state !== null && (
            <>
              {' '}
              in <a href={`/sessions/${encodeURIComponent(lastRun.sessionId)}`}>its session</a>
            </>
          )}
        </span>
      )}
      {missed > 0 && (
        <span class="text-warn">
          {timesMissed(missed)}
          {newest !== undefined && (
            <>
              , the last <Time at={newest} now={now} />
            </>
          )}
        </span>
      )}
    </p>
  )
}

export function Outcome({ run: { state, error } }: { run: ScheduleRun }): JSX.Element {
  const { word, tone } = state === null ? { word: 'erased with its session', tone: 'none' } : outcomes[state]
  return (
    <span>
      <span class={`dot dot-${tone} mr-2`} aria-hidden="true" />
      {word}
      {error !== null && <span class="text-danger wrap-anywhere">: {error}</span>}
    </span>
  )
}

export function timesMissed(missed: number): string {
  return missed === 1 ? 'One time was missed' : `${missed.toLocaleString('en')} times were missed`
}

export function Buttons({ schedule: { id, name, paused, nextAt } }: { schedule: Schedule }): JSX.Element {
  return (
    <form method="post" class="-mx-3 -my-1.5 flex flex-wrap gap-1 md:mx-0 md:justify-end">
      <input type="hidden" name="id" value={id} />
      <button type="submit" class="button button-quiet" name="action" value="run" aria-label={`Run now: ${name}`}>
        Run now
      </button>
      {paused !== null ? (
        <button type="submit" class="button button-quiet" name="action" value="resume" aria-label={`Resume ${name}`}>
          Resume
        </button>
      ) : (
        nextAt !== null && (
          <button type="submit" class="button button-quiet" name="action" value="pause" aria-label={`Pause ${name}`}>
            Pause
          </button>
        )
      )}
      <details class="confirm">
        <summary class="button button-quiet" aria-label={`Remove ${name}`}>
          Remove
        </summary>
        <button type="submit" class="button button-danger" name="action" value="remove">
          Remove for good
        </button>
      </details>
    </form>
  )
}
