import type { JSX } from 'preact'
import { visible } from '../parts/visible.ts'

// What fits beside its name on most screens.
const maxInlineChars = 60

/** Arguments one by one, each as it is: what is allowed is these characters and no others. */
export function Arguments({ args }: { args: Record<string, unknown> }): JSX.Element {
  const entries = Object.entries(args)
  if (entries.length === 0) return <p class="text-sm text-muted">No arguments.</p>
  return (
    <dl class="tool-facts">
      {entries.map(([name, value]) => {
        const text = visible(typeof value === 'string' ? value : JSON.stringify(value, null, 2))
        const isInline = text.length <= maxInlineChars && !text.includes('\n') && text.trim() === text && text !== ''
        return (
          <div key={name}>
            <dt class="font-mono">{visible(name)}</dt>
            <dd>
              {isInline ? (
                <code>{text}</code>
              ) : (
                // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
                <pre class="code-box" tabIndex={0}>
                  {text}
                </pre>
              )}
            </dd>
          </div>
        )
      })}
    </dl>
  )
}
