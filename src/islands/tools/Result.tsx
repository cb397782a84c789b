import type { JSX } from 'preact'
import { useId } from 'preact/hooks'
import type { ToolDecision } from '../../protocol/shapes.ts'
import type { Attachment } from '../conversation/live.ts'
import { CopyButton } from '../parts/CopyButton.tsx'
import { Files } from '../parts/Files.tsx'
import { duration } from '../times.ts'
import { Fact } from './Fact.tsx'
import { Output } from './Output.tsx'
import { decisionWord, outcomeWord, whoOf } from './words.ts'

/** The payload of `tools.result`, as far as it is shown. */
export interface Outcome {
  invocationId: string
  dryRun?: boolean | undefined
  success: boolean
  output: string
  error?: string | undefined
  code?: string | undefined
  durationMs: number
  truncated: boolean
  attachments?: Attachment[] | undefined
  decision?: ToolDecision | undefined
}

type Names = Readonly<Record<string, string>>

/** What came of a run: how it ended, what was decided and why, and what the tool said. */
export function Result({ outcome, names }: { outcome: Outcome; names: Names }): JSX.Element {
  const id = useId()
  const { success, output, error, durationMs, truncated, decision, dryRun = false } = outcome
  const { word, tone } = outcomeWord({ success, dryRun, code: outcome.code ?? null, decision: decision ?? null })
  return (
    <section class="card my-5 flex flex-col gap-4 p-5" aria-labelledby={id}>
      <div class="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h2 id={id}>{dryRun ? 'What would happen' : 'Result'}</h2>
        <span class="flex items-center gap-2 text-sm">
          <span class={`dot dot-${tone}`} aria-hidden="true" />
          {word}
        </span>
        <span class="text-sm text-muted">{duration(durationMs)}</span>
        <span class="flex-1" />
        {output !== '' && <CopyButton text={output} label="Copy output" />}
      </div>
      {error !== undefined && <p class="alert alert-danger break-words">{error}</p>}
      {decision && <Decision decision={decision} dryRun={dryRun} names={names} />}
      {(success || output !== '') && <Output text={output} />}
      {truncated && (
        <p class="text-sm text-muted">The output is longer than tools.maxOutputBytes allows: its middle is left out.</p>
      )}
      {outcome.attachments && <Files files={outcome.attachments} />}
    </section>
  )
}

/** What was decided about a call: the answer, the rule that gave it, and why. */
export function Decision(input: { decision: ToolDecision; dryRun: boolean; names: Names }): JSX.Element {
  const { decision, dryRun, names } = input
  const { word, tone } = decisionWord(decision)
  return (
    <dl class="tool-facts">
      <Fact name="Decision">
        <span class="flex items-center gap-2">
          <span class={`dot dot-${tone}`} aria-hidden="true" />
          {dryRun && word === 'Asks first' ? 'Would ask a person first' : word}
        </span>
      </Fact>
      <Fact name="Rule">
        <code>{decision.rule}</code>
      </Fact>
      {decision.why && <Fact name="Why">{decision.why}</Fact>}
      {decision.by !== undefined && <Fact name="By">{whoOf(decision.by, names)}</Fact>}
    </dl>
  )
}
