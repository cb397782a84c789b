import type { JSX } from 'preact'
import { Time } from '../../islands/parts/Time.tsx'
import { momentIn } from '../moment.ts'
import type { Schedule, ScheduleRun } from '../record.ts'
import { Buttons, Next, Outcome, timesMissed } from './schedules-list.tsx'
import { Table } from './table.tsx'

const columns = [
  ...['Due', 'Why it came', 'How it ended'].map(label => ({ label })),
  { label: 'Where', kind: 'unseen' },
] as const

const causes: Record<ScheduleRun['cause'], string> = {
  due: 'by the clock',
  'catch-up': 'made up for',
  manual: 'by hand',
}

interface OneProps {
  schedule: Schedule
  /** Newest first. */
  runs: readonly ScheduleRun[]
  /** Names of tokens. */
  names: Readonly<Record<string, string>>
  mayChange: boolean
  now: number
}

/** All there is to know of one schedule. */
export function OneSchedule({ schedule, runs, names, mayChange, now }: OneProps): JSX.Element {
  const { text, sessionId, tokenId, profile, tainted, createdAt } = schedule
  return (
    <section class="card mb-6 flex flex-col gap-4 p-5" aria-labelledby="one">
      <div class="flex items-start justify-between gap-5">
        <div class="min-w-0">
          <h2 id="one" class="break-words">
            {schedule.name}
          </h2>
          <Next schedule={schedule} now={now} />
        </div>
        <p class="text-sm">
          <a href="/schedules">Close</a>
        </p>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre class="code-box font-sans text-sm" tabIndex={0}>
        {text}
      </pre>
      <p class="text-sm text-muted">
        Added <Time at={createdAt} now={now} /> by {names[tokenId] ?? <code class="wrap-anywhere">{tokenId}</code>},
        whose rights it has; tools may do at most “{profile}”. It goes into{' '}
        {sessionId === null ? (
          'a new session each time'
        ) : (
          <a href={`/sessions/${encodeURIComponent(sessionId)}`}>its session</a>
        )}
        .
        {tainted && ' Text of others was in the conversation that it was added in, so that its messages count as such.'}
      </p>
      <Missed schedule={schedule} />
      {runs.length === 0 ? <p class="text-sm">It did not run yet.</p> : <Runs runs={runs} now={now} />}
      {mayChange && <Buttons schedule={schedule} />}
    </section>
  )
}

function Missed({ schedule: { missed, missedAt, timezone } }: { schedule: Schedule }): JSX.Element | null {
  if (missed === 0) return null
  return (
    <details class="alert alert-warn block">
      <summary class="cursor-pointer">
        {timesMissed(missed)}: the gateway did not run, or the last run was still at work
      </summary>
      <ul class="mt-2">
        {missedAt.toReversed().map(at => (
          <li key={at}>
            {momentIn(at, timezone)} ({timezone})
          </li>
        ))}
      </ul>
      {missed > missedAt.length && <p class="mt-1">Those before are not listed.</p>}
    </details>
  )
}

function Runs({ runs, now }: Pick<OneProps, 'runs' | 'now'>): JSX.Element {
  return (
    <Table label="Its newest runs" columns={columns}>
      <tbody>
        {runs.map(run => (
          <tr key={run.runId}>
            <th scope="row" class="whitespace-nowrap">
              <Time at={run.dueAt} now={now} />
            </th>
            <td class="whitespace-nowrap">{causes[run.cause]}</td>
            <td>
              <Outcome run={run} />
            </td>
            <td class="text-right whitespace-nowrap">{run.state !== null && <Links run={run} />}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  )
}

function Links({ run: { sessionId, runId } }: { run: ScheduleRun }): JSX.Element {
  const session = `/sessions/${encodeURIComponent(sessionId)}`
  return (
    <>
      <a href={session}>Session</a> <a href={`${session}/trace?run=${encodeURIComponent(runId)}`}>Trace</a>
    </>
  )
}
