import type { JSX } from 'preact'
import { Diff, hasDiff } from '../parts/Diff.tsx'

// What the browser lays out at once; what is copied is all of it.
const maxShownChars = 50_000
// Longer JSON stays as it came: to read and write it again would hold up the page.
const maxJsonChars = 200_000

/** What a tool said, in the form that it has: JSON with its lines, a diff with its colours, or text. */
export function Output({ text }: { text: string }): JSX.Element {
  const shown = prettyJson(text) ?? text
  const rest = shown.length - maxShownChars
  if (rest <= 0 && hasDiff(shown)) return <Diff text={shown} />
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <pre class="code-box" tabIndex={0}>
      {shown.slice(0, maxShownChars) || '(no output)'}
      {rest > 0 && `\n… ${rest.toLocaleString('en')} more characters`}
    </pre>
  )
}

function prettyJson(text: string): string | undefined {
  const first = text.trimStart()[0]
  if (text.length > maxJsonChars || (first !== '{' && first !== '[')) return undefined
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return undefined
  }
}
