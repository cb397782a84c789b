import { useSignal } from '@preact/signals'
import type { JSX, RefObject } from 'preact'
import { useEffect } from 'preact/hooks'
import { CopyButton } from '../parts/CopyButton.tsx'
import { useHydrated } from '../parts/hydrated.ts'
import { curlOf, frameOf, type ToolRequest } from './copies.ts'

// What a server cannot know: under which address it is seen.
const unknownOrigin = 'https://talon.example'

/** The call as it would be made from elsewhere, with what the form holds. No token is in it. */
export function Copies(input: {
  form: RefObject<HTMLFormElement | null>
  read: () => ToolRequest
  /** Another one when the form was filled in by the page. */
  version: number
}): JSX.Element {
  const { form, read, version } = input
  const hydrated = useHydrated()
  const request = useSignal(read())
  useEffect(() => {
    const element = form.current
    const refresh = () => {
      request.value = read()
    }
    refresh()
    element?.addEventListener('input', refresh)
    return () => element?.removeEventListener('input', refresh)
  }, [version, form, request])
  const frame = frameOf(request.value)
  const curl = curlOf(request.value, hydrated ? location.origin : unknownOrigin)
  return (
    <details class="mt-3 text-sm">
      <summary class="cursor-pointer py-1 text-muted">Call it from a program</summary>
      <div class="mt-2 flex flex-col gap-4">
        <Copy label="WebSocket frame" text={frame} />
        <Copy label="curl" text={curl} />
        <p class="text-muted">
          Your token is not in it: set <code>TALON_TOKEN</code> to one with the scope “tools”, made with{' '}
          <code>talon token create</code>.
        </p>
      </div>
    </details>
  )
}

function Copy({ label, text }: { label: string; text: string }): JSX.Element {
  return (
    <div>
      <div class="mb-1.5 flex items-end justify-between gap-3">
        <h3>{label}</h3>
        <CopyButton text={text} label={`Copy ${label}`} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre class="code-box" tabIndex={0}>
        {text}
      </pre>
    </div>
  )
}
