import type { JSX } from 'preact'

/** Whether a text holds a unified diff. */
export function hasDiff(text: string): boolean {
  return /^@@ -\d{1,9}(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})? @@/m.test(text)
}

/** A unified diff, and what stands before it. Lines keep their signs, so that nothing is told by colour alone. */
export function Diff({ text }: { text: string }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <pre class="code-box" tabIndex={0}>
      {blocksOf(text).map(({ kind, lines }) => {
        const block = `${lines.join('\n')}\n`
        return kind === undefined ? block : <span class={`diff-${kind}`}>{block}</span>
      })}
    </pre>
  )
}

type Kind = 'add' | 'del' | 'place' | undefined

/** Lines of one kind that follow each other are one element. */
function blocksOf(text: string): { kind: Kind; lines: string[] }[] {
  const blocks: { kind: Kind; lines: string[] }[] = []
  let inside = false
  for (const line of text.split('\n')) {
    inside ||= line.startsWith('@@ ')
    const kind = inside ? kindOf(line) : undefined
    const last = blocks.at(-1)
    if (last?.kind === kind && last) last.lines.push(line)
    else blocks.push({ kind, lines: [line] })
  }
  return blocks
}

function kindOf(line: string): Kind {
  if (line.startsWith('@@ ')) return 'place'
  if (line.startsWith('+')) return 'add'
  return line.startsWith('-') ? 'del' : undefined
}
