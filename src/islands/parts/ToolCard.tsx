import type { JSX } from 'preact'
import type { ToolUse } from '../conversation/state.ts'
import { duration } from '../times.ts'

// What the browser lays out at once; the log holds the whole.
const maxShownChars = 20_000

/** A tool call that folds: name and outcome in one line, arguments and output inside. */
export function ToolCard({ use, isRunning }: { use: ToolUse; isRunning: boolean }): JSX.Element {
  const state = stateOf(use, isRunning)
  return (
    <details class="tool">
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
        <Part label="Arguments" text={JSON.stringify(use.args, null, 2)} />
        {use.output !== undefined && <Part label="Output" text={use.output || '(no output)'} />}
      </div>
    </details>
  )
}

function Part({ label, text }: { label: string; text: string }): JSX.Element {
  const rest = text.length - maxShownChars
  return (
    <div>
      <div class="mb-1 text-xs text-muted">{label}</div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre class="code-box" tabIndex={0}>
        {text.slice(0, maxShownChars)}
        {rest > 0 && `\n… ${rest} more characters`}
      </pre>
    </div>
  )
}

function stateOf(use: ToolUse, isRunning: boolean): { tone: 'busy' | 'ok' | 'danger' | 'quiet'; label: string } {
  // The log keeps no flag: there, as for the model, a failed call is known by how its answer begins.
  const failed = use.success === false || (use.success === undefined && use.output?.startsWith('Error: '))
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
