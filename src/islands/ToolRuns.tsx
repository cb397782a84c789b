import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { ReplyPayload } from '../protocol/messages.ts'
import { Arguments } from './approvals/ApprovalCard.tsx'
import { gateway } from './connection.ts'
import { sentence } from './conversation/actions.ts'
import type { Attachment } from './conversation/live.ts'
import { Files } from './parts/Files.tsx'
import { shortId } from './parts/SessionRow.tsx'
import { Time } from './parts/Time.tsx'
import { duration } from './times.ts'
import { Output } from './tools/Output.tsx'
import { Decision } from './tools/Result.tsx'
import { ended } from './tools/run.ts'
import { decisionWord, outcomeWord, sizeOf, whoOf } from './tools/words.ts'

type Run = ReplyPayload<'tools.run'>['run']

/** What a run said, where it is known yet. */
interface Said {
  output: string | null
  attachments?: Attachment[] | undefined
}

export interface ToolRunsProps {
  runs: Run[]
  /** The tool whose newest runs these are: then they follow what is run on this page. */
  live: { toolName: string; limit: number } | undefined
  /** The run that is unfolded at first, with what it said. */
  opened: { invocationId: string; said: Said } | undefined
  /** Address of this page with its filter, to which a run is added. */
  here: string
  names: Record<string, string>
  now: number
}

/** Runs of tools, newest first; each unfolds to its arguments, its decision and its output. */
export default function ToolRuns(props: ToolRunsProps): JSX.Element {
  const { live, opened, here, names, now } = props
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
        <li key={run.invocationId} id={`run-${run.invocationId}`}>
          <RunCard
            {...{ run, here, names, now }}
            hasName={live === undefined}
            said={opened?.invocationId === run.invocationId ? opened.said : undefined}
          />
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
  said: Said | undefined
}

function RunCard({ run, here, names, now, hasName, said: known }: RunCardInput): JSX.Element {
  const said = useSignal(known)
  const problem = useSignal<string | undefined>(undefined)
  const { word, tone } = outcomeWord(run)
  // One that was not let run took no time and said nothing.
  const hasRun = run.success !== false || run.decision?.allowed !== false
  const load = async (isOpen: boolean) => {
    if (!isOpen || said.peek()) return
    try {
      said.value = await gateway().request('tools.run', { invocationId: run.invocationId })
    } catch (error) {
      problem.value = sentence('What it said could not be loaded.', error)
    }
  }
  const link = `${here}${here.includes('?') ? '&' : '?'}run=${encodeURIComponent(run.invocationId)}`
  return (
    <details class="tool" open={known !== undefined} onToggle={event => load(event.currentTarget.open)}>
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
        {run.decision && <Decision decision={run.decision} dryRun={run.dryRun} names={names} />}
        <Arguments args={run.args} />
        {run.error !== null && <p class="alert alert-danger break-words">{run.error}</p>}
        <SaidView said={said.value} problem={problem.value} link={`${link}#run-${run.invocationId}`} />
        <p class="flex flex-wrap gap-x-4 gap-y-1 text-sm">
          <a href={`/tools/${encodeURIComponent(run.toolName)}?again=${encodeURIComponent(run.invocationId)}`}>
            Fill in the form with this
          </a>
          {run.sessionId !== null && (
            <a href={`/sessions/${encodeURIComponent(run.sessionId)}`}>Session {shortId(run.sessionId)}</a>
          )}
        </p>
      </div>
    </details>
  )
}

function SaidView(input: { said: Said | undefined; problem: string | undefined; link: string }): JSX.Element {
  const { said, problem, link } = input
  if (problem !== undefined) return <p class="alert alert-danger">{problem}</p>
  if (!said) {
    return (
      <p class="text-sm">
        <a href={link}>Show what it said</a>
      </p>
    )
  }
  return (
    <div>
      <p class="mb-1 text-xs text-muted">Output</p>
      {said.output === null ? (
        <p class="text-sm text-muted">It is not kept: outputs are for a day, the rest for 30 days.</p>
      ) : (
        <Output text={said.output} />
      )}
      {said.attachments && <Files files={said.attachments} />}
    </div>
  )
}

function argumentsLine(args: Record<string, unknown>): string {
  const line = Object.entries(args)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
  return line.slice(0, 200)
}
