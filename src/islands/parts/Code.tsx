import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { CopyButton } from './CopyButton.tsx'
import type { highlight } from './highlight.ts'

type Highlight = typeof highlight

// A longer block is shown as it is: its colours cost more than they tell.
const maxHighlightedBytes = 50_000

/** A block of code. Its colours come later, in the browser, where the language is known. */
export function CodeBlock({ text, language }: { text: string; language: string | undefined }): JSX.Element {
  return (
    <figure class="code">
      <figcaption>
        <span>{language ?? 'text'}</span>
        <CopyButton text={text} label="Copy code" class="action" />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>
        <code>
          <Highlighted text={text} language={language} />
        </code>
      </pre>
    </figure>
  )
}

/** Code as coloured pieces. Classes only, because the content security policy allows no styles of elements. */
export function Highlighted({ text, language }: { text: string; language: string | undefined }): JSX.Element {
  const isShort = text.length <= maxHighlightedBytes
  const load = useHighlight(isShort ? language : undefined)
  const parts = useMemo(
    () => (load && language !== undefined ? load(text, language) : undefined),
    [load, text, language],
  )
  if (!parts || !isShort) return <>{text}</>
  return <>{parts.map(part => (part.kind ? <span class={`code-${part.kind}`}>{part.text}</span> : part.text))}</>
}

/** The highlighter, once it is there; nothing is loaded where there is nothing to colour. */
function useHighlight(language: string | undefined): Highlight | undefined {
  const [loaded, setLoaded] = useState<{ highlight: Highlight }>()
  useEffect(() => {
    if (language === undefined || loaded) return
    let wanted = true
    // Without it code is readable all the same.
    import('./highlight.ts').then(
      module => wanted && setLoaded(module),
      () => undefined,
    )
    return () => {
      wanted = false
    }
  }, [language, loaded])
  return loaded?.highlight
}
