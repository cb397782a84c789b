import type { JSX } from 'preact'
import { CopyButton } from './parts/CopyButton.tsx'

/** A button that copies a text of the page around it. */
export default function CopyText({ text, label }: { text: string; label: string }): JSX.Element {
  return <CopyButton text={text} label={label} />
}
