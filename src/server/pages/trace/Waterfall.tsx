import type { ComponentChildren, JSX } from 'preact'
import { costUsd, type Prices, tokens, usd } from '../../../islands/conversation/spending.ts'
import { Time } from '../../../islands/parts/Time.tsx'
import { duration } from '../../../islands/times.ts'
import type { Message } from '../../../protocol/shapes.ts'
import type { TracedRun } from './load.ts'
import type { Step } from './steps.ts'

// What a page shows of one text; the log and the export have the whole.
const maxShownChars = 50_000
// The width of every bar, in units of its own.
const scale = 1_000
// A step of no time is there all the same.
const narrowest = 4

export interface WaterfallInput {
  traced: TracedRun
  now: number
  prices: Prices
}

/** One run: what it answered, what it took, and its steps as bars on one line of time. */
export function Waterfall({ traced, now, prices }: WaterfallInput): JSX.Element {
  const { run, question, steps, isCut } = traced
  const end = run.finishedAt ?? now
  const id = `run-${run.id}`
  const path = `/sessions/${encodeURIComponent(run.sessionId)}`
  return (
    <section class="card" aria-labelledby={id}>
      <header class="border-b border-line px-4 py-3">
        <div class="flex flex-wrap items-center gap-x-3 gap-y-1">
          <h2 id={id} class="min-w-0 flex-1 truncate text-base max-sm:basis-full">
            {question ? titleOf(question.content) : `Message ${run.messageSeq}`}
          </h2>
          <span class={`badge ${run.state === 'failed' ? 'badge-warn' : ''}`}>{run.state}</span>
          <a class="text-sm text-accent underline" href={`${path}?at=${run.messageSeq}#m${run.messageSeq}`}>
            In the conversation
          </a>
        </div>
        <p class="mt-1 flex flex-wrap gap-x-4 gap-y-1 text-sm text-muted">
          <Time at={run.createdAt} now={now} />
          <span>
            {run.finishedAt === null ? 'for ' : 'took '}
            {duration(end - run.createdAt)}
          </span>
          {run.provider !== null && <span>{`${run.provider}/${run.model ?? ''}`}</span>}
          {run.usage && (
            <span>
              {tokens(run.usage.totalTokens)} ({run.usage.inputTokens.toLocaleString('en')} in,{' '}
              {run.usage.outputTokens.toLocaleString('en')} out)
            </span>
          )}
          <span class="break-all">run {run.id}</span>
        </p>
        {run.error !== null && <p class="alert alert-danger mt-2 break-words">{run.error}</p>}
      </header>
      <ol class="divide-y divide-line">
        {steps.map((step, at) => (
          <li key={at}>
            <StepRow step={step} from={run.createdAt} end={end} path={path} prices={prices} />
          </li>
        ))}
      </ol>
      {isCut && (
        <p class="border-t border-line px-4 py-3 text-sm text-muted">This run has more steps than are shown here.</p>
      )}
    </section>
  )
}

function titleOf(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? ''
  return line.length > 120 ? `${line.slice(0, 120)} …` : line || '(an empty message)'
}

interface RowInput {
  step: Step
  /** The begin and the end of the run, Unix ms. */
  from: number
  end: number
  path: string
  prices: Prices
}

function StepRow({ step, from, end, path, prices }: RowInput): JSX.Element {
  const time = step.kind === 'tool' ? (step.use.durationMs ?? step.until - step.from) : step.until - step.from
  return (
    <details class="trace-step">
      <summary>
        <span class="min-w-0 truncate text-sm font-medium">{nameOf(step)}</span>
        <Bar step={step} from={from} end={end} />
        <span class="text-right text-xs whitespace-nowrap text-muted tabular-nums">
          {step.kind === 'model' && step.usage && `${tokens(step.usage.totalTokens)}, `}
          {duration(time)}
        </span>
      </summary>
      <div class="flex flex-col gap-3 border-t border-line bg-canvas px-4 py-3 text-sm">
        <p class="text-muted">
          From {duration(step.from - from)} to {duration(step.until - from)} after the message.
        </p>
        <Inside step={step} path={path} prices={prices} />
      </div>
    </details>
  )
}

function nameOf(step: Step): string {
  if (step.kind === 'wait') return step.for === 'turn' ? 'Waited for its turn' : 'Waited for permission'
  if (step.kind === 'tool') return step.use.toolName
  if (step.model === 'talon') return 'The gateway itself'
  return `Model call ${step.call}`
}

/** Attributes of a drawing are no styles, so that the content security policy lets them be. */
function Bar({ step, from, end }: Pick<RowInput, 'step' | 'from' | 'end'>): JSX.Element {
  const all = Math.max(1, end - from)
  const width = Math.max(narrowest, (scale * (step.until - step.from)) / all)
  const x = Math.min(scale - width, (scale * (step.from - from)) / all)
  return (
    <svg class="trace-bar" viewBox={`0 0 ${scale} 16`} preserveAspectRatio="none" aria-hidden="true">
      <rect class="trace-track" x="0" y="7" width={scale} height="2" />
      <rect class={`trace-${step.kind}`} x={x.toFixed(1)} y="2" width={width.toFixed(1)} height="12" />
    </svg>
  )
}

function Inside({ step, path, prices }: Pick<RowInput, 'step' | 'path' | 'prices'>): JSX.Element | null {
  if (step.kind === 'wait') {
    const why = {
      turn: 'A session answers one message after the other, and the gateway works on a bounded number at once (agent.maxRuns).',
      permission: 'Nobody had allowed the tool yet, or too many tools were at work.',
    }
    return <p class="text-muted">{why[step.for]}</p>
  }
  if (step.kind === 'tool') return <ToolInside step={step} path={path} />
  return <ModelInside step={step} path={path} prices={prices} />
}

type ModelStep = Extract<Step, { kind: 'model' }>
type ToolStep = Extract<Step, { kind: 'tool' }>

function ModelInside({ step, path, prices }: { step: ModelStep; path: string; prices: Prices }): JSX.Element {
  const { inputs, output, usage, model } = step
  const cost = usage && costUsd(usage, model, prices)
  return (
    <>
      {usage && (
        <p>
          {model}: {tokens(usage.inputTokens)} in, {tokens(usage.outputTokens)} out
          {cost !== undefined && cost > 0 && `, about ${usd(cost)} at the prices of today`}.
        </p>
      )}
      <Entries label="Input that was new" path={path} messages={inputs} />
      <p class="text-muted">
        {model === 'talon'
          ? 'No model was asked.'
          : 'The model saw this below what was said before, as far as that fits. Its instructions, the list of tools and the exact request to the provider are not stored; times follow from the entries of the log.'}
      </p>
      {output ? (
        <>
          {(output.content !== '' || !output.toolCalls?.length) && (
            <Entries label={output.incomplete ? 'Output, incomplete' : 'Output'} path={path} messages={[output]} />
          )}
          {output.toolCalls?.length ? (
            <Text label="Calls of tools" text={JSON.stringify(output.toolCalls, null, 2)} />
          ) : null}
        </>
      ) : (
        <p class="text-muted">No output of this call is stored.</p>
      )}
    </>
  )
}

function ToolInside({ step: { use, result }, path }: { step: ToolStep; path: string }): JSX.Element {
  const { args, decision, invocationId, success } = use
  return (
    <>
      <Text label="Arguments, as the model gave them" text={JSON.stringify(args, null, 2)} />
      {decision ? (
        <p>
          {decision.allowed ? 'Allowed' : 'Not allowed'} by the rule <code>{decision.rule}</code>
          {decision.by ? `, by token ${decision.by}` : ''}. {decision.why}
        </p>
      ) : (
        <p class="text-muted">
          What was decided about it is not stored (any more): the history of tools is kept for 30 days.
        </p>
      )}
      {result ? (
        <Entries
          label={success === false ? 'Result: it failed' : 'Result, as the model got it'}
          path={path}
          messages={[result]}
        />
      ) : (
        <p class="text-muted">No result is stored.</p>
      )}
      {invocationId !== undefined && (
        <p>
          <a href={`/tools/history?run=${encodeURIComponent(invocationId)}#run-${invocationId}`}>
            In the history of tools
          </a>
        </p>
      )}
    </>
  )
}

function Entries({
  label,
  path,
  messages,
}: {
  label: string
  path: string
  messages: readonly Message[]
}): JSX.Element {
  return (
    <>
      {messages.map(({ id, seq, role, content }) => (
        <Text key={id} label={`${label} (${role})`} text={content}>
          <a href={`${path}?at=${seq}#m${seq}`}>Entry {seq}</a>
        </Text>
      ))}
    </>
  )
}

function Text({ label, text, children }: { label: string; text: string; children?: ComponentChildren }): JSX.Element {
  const rest = text.length - maxShownChars
  return (
    <div>
      <div class="mb-1 flex justify-between gap-3 text-xs text-muted">
        <span>{label}</span>
        {children}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre class="code-box" tabIndex={0}>
        {text.slice(0, maxShownChars) || '(empty)'}
        {rest > 0 && `\n… ${rest.toLocaleString('en')} more characters: the export has all of them`}
      </pre>
    </div>
  )
}
