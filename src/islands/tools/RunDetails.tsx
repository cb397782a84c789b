import type { JSX } from 'preact'
import type { ReplyPayload } from '../../protocol/messages.ts'
import { Files } from '../parts/Files.tsx'
import { shortId } from '../parts/SessionRow.tsx'
import { Arguments } from './Arguments.tsx'
import { Output } from './Output.tsx'
import { Decision } from './Result.tsx'

/** One run of a tool, with what it said. */
export type RunWithOutput = ReplyPayload<'tools.run'>

/** All that is kept of a run: what was decided, with what it was called, what it said. */
export function RunDetails(input: { known: RunWithOutput; names: Readonly<Record<string, string>> }): JSX.Element {
  const { known, names } = input
  const { run, output, attachments } = known
  return (
    <>
      {run.decision && <Decision decision={run.decision} dryRun={run.dryRun} names={names} />}
      <Arguments args={run.args} />
      {run.error !== null && <p class="alert alert-danger break-words">{run.error}</p>}
      <div>
        <p class="mb-1 text-xs text-muted">Output</p>
        {output === null ? <Missing isRunning={run.success === null} /> : <Output text={output} />}
      </div>
      {attachments && <Files files={attachments} />}
      <p class="flex flex-wrap gap-x-4 gap-y-1 text-sm">
        <a href={`/tools/${encodeURIComponent(run.toolName)}?again=${encodeURIComponent(run.invocationId)}`}>
          Fill in the form with this
        </a>
        {run.sessionId !== null && (
          <a href={`/sessions/${encodeURIComponent(run.sessionId)}`}>Session {shortId(run.sessionId)}</a>
        )}
      </p>
    </>
  )
}

function Missing({ isRunning }: { isRunning: boolean }): JSX.Element {
  return (
    <p class="text-sm text-muted">
      {isRunning
        ? 'It still runs: what it says is kept when it has ended.'
        : 'It is not kept: outputs are for a day, the rest for 30 days.'}
    </p>
  )
}
