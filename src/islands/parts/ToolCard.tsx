import type { ReadonlySignal } from '@preact/signals'
import type { JSX } from 'preact'
import type { ToolDecision } from '../../protocol/shapes.ts'
import type { Attachment } from '../conversation/live.ts'
import type { Item, ToolUse } from '../conversation/state.ts'
import { duration } from '../times.ts'
import { Highlighted } from './Code.tsx'
import { CopyButton } from './CopyButton.tsx'
import { Diff, hasDiff } from './Diff.tsx'
import { Files } from './Files.tsx'

// What the browser lays out at once; the log holds the whole.
const maxShownChars = 20_000
// A card shows what its output mentions, and a tool makes a few files at most.
const maxShownFiles = 20

interface ToolCardInput {
  item: Extract<Item, { kind: 'tool' }>
  isRunning: boolean
  isOpen?: boolean
  /** The files of the session. */
  attachments?: readonly Attachment[] | undefined
  streams?: ReadonlySignal<Readonly<Record<string, string>>> | undefined
}

/** A tool call that folds: name and outcome in one line; arguments, decision and output inside. */
export function ToolCard({
  item: { key, use },
  isRunning,
  isOpen = false,
  attachments,
  streams,
}: ToolCardInput): JSX.Element {
  const state = stateOf(use, isRunning)
  const { output } = use
  const files = output === undefined ? [] : filesIn(output, attachments)
  return (
    <>
      <details class="tool" open={isOpen || undefined}>
        <summary>
          <span class={`dot dot-${state.tone}`} aria-hidden="true" />
          <span class="font-mono text-sm font-medium break-all">{use.toolName}</span>
          <span class="min-w-0 flex-1 truncate font-mono text-xs text-muted">{argumentsLine(use.args)}</span>
          <span class={`text-xs whitespace-nowrap ${state.tone === 'danger' ? 'text-danger' : 'text-muted'}`}>
            {state.label}
            {use.durationMs !== undefined && `, ${duration(use.durationMs)}`}
          </span>
        </summary>
        <div class="tool-body">
          <Part label="Arguments" text={JSON.stringify(use.args, null, 2)} language="json" />
          {use.decision && <Decision decision={use.decision} />}
          {output === undefined && isRunning && streams && <Live streams={streams} name={key} />}
          {output !== undefined && <Part label="Output" text={output || '(no output)'} />}
          {use.invocationId && (
            <p class="text-xs">
              <a href={`/tools/history?run=${encodeURIComponent(use.invocationId)}#run-${use.invocationId}`}>
                In the history of tools
              </a>
            </p>
          )}
        </div>
      </details>
      {files.length > 0 && <Files files={files} />}
    </>
  )
}

/** What a tool at work has shown so far. It reads its own signal, so that a line more renders this and nothing else. */
function Live({ streams, name }: { streams: NonNullable<ToolCardInput['streams']>; name: string }): JSX.Element | null {
  const text = streams.value[name]
  return text === undefined ? null : <Part label="Output so far" text={text} fromEnd />
}

function Part(input: { label: string; text: string; language?: string; fromEnd?: true }): JSX.Element {
  const { label, text, language, fromEnd } = input
  const rest = text.length - maxShownChars
  const shown = fromEnd ? text.slice(-maxShownChars) : text.slice(0, maxShownChars)
  return (
    <div>
      <div class="mb-1 flex items-baseline justify-between text-xs text-muted">
        <span>{label}</span>
        <CopyButton text={text} class="action" />
      </div>
      {rest <= 0 && hasDiff(text) ? (
        <Diff text={text} />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
        <pre class="code-box" tabIndex={0}>
          <Highlighted text={shown} language={language ?? languageOf(shown)} />
          {rest > 0 && !fromEnd && `\n… ${rest.toLocaleString('en')} more characters`}
        </pre>
      )}
    </div>
  )
}

/** Much of what tools say is JSON. */
function languageOf(text: string): string | undefined {
  return /^\s{0,9}[[{]["\s]/.test(text) ? 'json' : undefined
}

function Decision({ decision }: { decision: ToolDecision }): JSX.Element {
  const { allowed, rule, why, by } = decision
  return (
    <p class="text-sm">
      <span class={allowed ? undefined : 'text-danger'}>{allowed ? 'Allowed' : 'Not allowed'}</span>{' '}
      <span class="text-muted">
        by the rule <code>{rule}</code>
        {by !== undefined && by !== '' && (
          <>
            , by token <code class="break-all">{by}</code>
          </>
        )}
        . {why}
      </span>
    </p>
  )
}

/** The files that an output names, as far as they are files of this session: a text can name anything. */
function filesIn(output: string, attachments: readonly Attachment[] | undefined): Attachment[] {
  if (!attachments || attachments.length === 0 || !output.includes('[attachment:')) return []
  const named = new Set(Array.from(output.matchAll(/\[attachment:([\w-]{1,64}) /g), match => match[1]))
  return attachments.filter(({ id }) => named.has(id)).slice(0, maxShownFiles)
}

function stateOf(use: ToolUse, isRunning: boolean): { tone: 'busy' | 'ok' | 'danger' | 'quiet'; label: string } {
  // The log keeps no flag: there, as for the model, a failed call is known by how its answer begins.
  const failed = use.success === false || (use.success === undefined && use.output?.startsWith('Error: '))
  if (failed && use.decision?.allowed === false) return { tone: 'danger', label: 'not allowed' }
  if (failed) return { tone: 'danger', label: 'failed' }
  if (use.success) return { tone: 'ok', label: 'done' }
  if (use.output !== undefined) return { tone: 'quiet', label: 'done' }
  return isRunning ? { tone: 'busy', label: 'running' } : { tone: 'quiet', label: 'no result' }
}

function argumentsLine(args: Record<string, unknown>): string {
  const line = Object.entries(args)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
  return line.slice(0, 200)
}
