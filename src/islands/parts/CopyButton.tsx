import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { copyText } from './copy.ts'
import { useHydrated } from './hydrated.ts'
import { say } from './notices.ts'

// Long enough to be seen.
const shownMs = 2_000

/** A button that copies a text, or what a function says at that moment, and says that it did. */
export function CopyButton(input: {
  text: string | (() => string)
  label?: string
  /** How it looks, where that is not a button among others. */
  class?: string
}): JSX.Element {
  const { text, label = 'Copy' } = input
  const hydrated = useHydrated()
  const copied = useSignal(false)
  const copy = async () => {
    copied.value = await copyText(typeof text === 'string' ? text : text())
    if (!copied.value) {
      return say('The browser did not let the page copy. Select the text and copy it yourself.', { tone: 'danger' })
    }
    setTimeout(() => {
      copied.value = false
    }, shownMs)
  }
  return (
    <button type="button" class={`needs-script ${input.class ?? 'button'}`} disabled={!hydrated} onClick={copy}>
      {copied.value ? 'Copied' : label}
    </button>
  )
}
