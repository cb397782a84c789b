import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { type Key, pageKeys } from '../parts/keys.ts'
import type { ShellDialogProps } from './dialog.ts'

/** The keys of this page, in a dialog. */
export default function KeyList({ onClose }: ShellDialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  const keys = pageKeys.value
  const ofPage = keys.filter(key => !key.everywhere)
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="keys-title" onClose={onClose}>
      <div class="flex items-center justify-between gap-4">
        <h2 id="keys-title">Keys</h2>
        <button type="button" class="button button-quiet" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
      {ofPage.length > 0 && <Keys title="On this page" keys={ofPage} />}
      <Keys title="Everywhere" keys={keys.filter(key => key.everywhere)} />
    </dialog>
  )
}

function Keys({ title, keys }: { title: string; keys: readonly Key[] }): JSX.Element {
  return (
    <section class="mt-4" aria-label={title}>
      <h3 class="mb-1 text-sm text-muted">{title}</h3>
      <dl class="divide-y divide-line text-sm">
        {keys.map(({ keys: combination, label }) => (
          <div key={combination} class="flex items-center justify-between gap-4 py-1.5">
            <dt>{label}</dt>
            <dd class="flex shrink-0 gap-1">
              <KeyCaps keys={combination} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

const names: Readonly<Record<string, string>> = { Mod: 'Ctrl', ArrowUp: '↑', ArrowDown: '↓' }

/** A capital letter is another key than the small one, and a cap has a capital either way. */
function capsOf(keys: string): string[] {
  return keys.split(/[ +]/).flatMap(key => (/^[A-Z]$/.test(key) ? ['Shift', key] : [key]))
}

/** The keys as caps. */
export function KeyCaps({ keys }: { keys: string }): JSX.Element {
  return (
    <>
      {capsOf(keys).map(key => (
        <kbd key={key}>{names[key] ?? (key.length === 1 ? key.toUpperCase() : key)}</kbd>
      ))}
    </>
  )
}
