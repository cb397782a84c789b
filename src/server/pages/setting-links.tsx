import type { ComponentChildren, JSX } from 'preact'

/** A sentence in which each setting that it names leads to where it can be changed. */
export function WithSettings({ text, settings }: { text: string; settings: readonly string[] }): JSX.Element {
  const parts: ComponentChildren[] = []
  let end = 0
  for (const match of text.matchAll(/\b[a-z]+(?:\.[a-zA-Z]+)+\b/g)) {
    const [name] = match
    if (!settings.includes(name)) continue
    parts.push(text.slice(end, match.index), <a href={`/settings#${name}`}>{name}</a>)
    end = match.index + name.length
  }
  return (
    <>
      {parts}
      {text.slice(end)}
    </>
  )
}
