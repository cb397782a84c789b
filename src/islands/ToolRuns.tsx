import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { ReplyPayload } from '../protocol/messages.ts'
import { gateway } from './connection.ts'
import { useLoaded } from './parts/loaded.ts'
import { sentence } from './parts/sentence.ts'
import { Time } from './parts/Time.tsx'
import { visible } from './parts/visible.ts'
import { duration } from './times.ts'
import type { RunWithOutput } from './tools/RunDetails.tsx'
import { ended } from './tools/run.ts'
import { decisionWord, outcomeWord, sizeOf, whoOf } from './tools/words.ts'

type Run = ReplyPayload<'tools.run'>['run']

export interface ToolRunsProps {
  runs: Run[]
  /** The tool whose newest runs these are: then they follow what is run on this page. */
  live: { toolName: string; limit: number } | undefined
  /** Address of this page with its filter, to which a run is added. */
  here: string
  names: Record<string, string>
  now: number
}

const loadDetails = () => import('./tools/RunDetails.tsx')

/** Runs of tools, newest first. Each unfolds to all that is kept of it; without JavaScript it leads there. */
export default function ToolRuns(props: ToolRunsProps): JSX.Element {
  const { live, here, names, now } = props
  const runs = useSignal(props.runs)
  useEffect(() => {
    if (!live) return
    // The first value is that of the page as it came; each later one is a run that has ended since.
    return ended.subscribe(async count => {
      if (count === 0) return
      const page = await gateway()
        .request('tools.history', live)
        .catch(() => undefined)
      if (page) runs.value = page.runs
    })
  }, [live, runs])
  if (runs.value.length === 0) return <p class="text-sm text-muted">It has not run in the last 30 days.</p>
  return (
    <ul class="flex flex-col gap-2">
      {runs.value.map(run => (
        <li key={run.invocationId}>
          <RunCard {...{ run, here, names, now }} hasName={live === undefined} />
        </li>
      ))}
    </ul>
  )
}

interface RunCardInput {
  run: Run
  here: string
  names: Record<string, string>
  now: number
  hasName: boolean
}

function RunCard({ run, here, names, now, hasName }: RunCardInput): JSX.Element {
  const known = useSignal<RunWithOutput | undefined>(undefined)
  const problem = useSignal<string | undefined>(undefined)
  const isOpen = useSignal(false)
  const details = useLoaded(loadDetails, isOpen.value)
  const { word, tone } = outcomeWord(run)
  // One that was not let run took no time and said nothing.
  const hasRun = run.success !== false || run.decision?.allowed !== false
  const toggle = async (opens: boolean) => {
    isOpen.value = opens
    if (!opens || known.peek()) return
    problem.value = undefined
    try {
      known.value = await gateway().request('tools.run', { invocationId: run.invocationId })
    } catch (error) {
      problem.value = sentence('What is kept of it could not be loaded.', error)
    }
  }
  const link = `${here}${here.includes('?') ? '&' : '?'}run=${encodeURIComponent(run.invocationId)}`
  return (
    <details class="tool" onToggle={event => toggle(event.currentTarget.open)}>
      <summary>
        <span class="flex min-w-0 flex-1 flex-wrap items-center gap-x-2.5 gap-y-1">
          <span class={`dot dot-${tone}`} aria-hidden="true" />
          <span class="w-18 text-sm">{word}</span>
          {hasName && <span class="font-mono text-sm font-medium break-all">{run.toolName}</span>}
          <span class="min-w-0 flex-1 basis-24 truncate font-mono text-xs text-muted">{argumentsLine(run.args)}</span>
          <span class="flex flex-wrap gap-x-3 text-xs text-muted">
            {run.decision && <span>{decisionWord(run.decision).word}</span>}
            {hasRun && run.durationMs !== null && <span>{duration(run.durationMs)}</span>}
            {hasRun && run.outputBytes !== null && <span>{sizeOf(run.outputBytes)}</span>}
            <span class="max-w-32 truncate">{whoOf(run.tokenId, names)}</span>
            <Time at={run.startedAt} now={now} />
          </span>
        </span>
      </summary>
      <div class="tool-body">
        {details && known.value ? (
          <details.RunDetails known={known.value} names={names} />
        ) : problem.value !== undefined ? (
          <p class="alert alert-danger">{problem.value}</p>
        ) : (
          <p class="text-sm">
            <a href={link}>Show all of it</a>
          </p>
        )}
      </div>
    </details>
  )
}

function argumentsLine(args: Record<string, unknown>): string {
  const line = Object.entries(args)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
  return visible(line.slice(0, 200))
}
