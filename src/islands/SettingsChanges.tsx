import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { TalonClientError } from '../client/index.ts'
import { gateway } from './connection.ts'
import { useHydrated } from './parts/hydrated.ts'
import { type FieldKind, readValue } from './settings/values.ts'

export interface SettingsChangesProps {
  /** Id of the form that it belongs to. */
  form: string
  hash: string
}

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement

/** What follows the form: how much was changed, and the way to the review. It marks and checks the fields while one edits. */
export default function SettingsChanges({ form: id, hash }: SettingsChangesProps): JSX.Element | null {
  const [count, setCount] = useState(0)
  const hydrated = useHydrated()
  useEffect(() => {
    const form = document.getElementById(id)
    if (!(form instanceof HTMLFormElement)) return
    const recount = () => setCount(mark(form))
    const onChange = (event: Event) => isControl(event.target) && check(event.target, hash)
    form.addEventListener('input', recount)
    form.addEventListener('change', onChange)
    addEventListener('hashchange', openTarget)
    recount()
    openTarget()
    return () => {
      form.removeEventListener('input', recount)
      form.removeEventListener('change', onChange)
      removeEventListener('hashchange', openTarget)
    }
  }, [id, hash])
  if (hydrated && count === 0) return null
  return (
    <div class="settings-bar">
      <p class="flex-1 text-sm whitespace-nowrap max-sm:text-xs" role="status">
        {count === 0 ? 'Nothing is saved yet' : count === 1 ? '1 change' : `${count} changes`}
      </p>
      <a class="button button-quiet" href="/settings">
        Discard
      </a>
      <button type="submit" class="button button-primary">
        Review changes
      </button>
    </div>
  )
}

/** Marks the rows whose field is not as it was; how many. */
function mark(form: HTMLFormElement): number {
  let count = 0
  for (const control of form.elements) {
    if (!isControl(control)) continue
    const isChanged = control.value !== (control.dataset['was'] ?? textBefore(control))
    control.closest('.setting')?.toggleAttribute('data-changed', isChanged)
    if (isChanged) count += 1
    else tell(control, '')
  }
  return count
}

function textBefore(control: Control): string {
  if (!(control instanceof HTMLSelectElement)) return control.defaultValue
  return [...control.options].find(option => option.defaultSelected)?.value ?? ''
}

/** Asks the gateway whether the value could be set, and says below the field if not. */
async function check(control: Control, hash: string): Promise<void> {
  const { key = '', kind, nullable } = control.dataset
  const entered = control.value
  if (!control.closest('[data-changed]')) return
  // The server wrote it from this same type.
  const read = readValue({ kind: kind as FieldKind, nullable: nullable !== undefined }, entered)
  if ('problem' in read) return tell(control, read.problem)
  try {
    await gateway().request('config.update', { hash, changes: { [key]: read.value }, dryRun: true })
    if (control.value === entered) tell(control, '')
  } catch (error) {
    // Anything else is said when the form is sent.
    if (error instanceof TalonClientError && error.code === 'INVALID_MESSAGE' && control.value === entered) {
      tell(control, error.message)
    }
  }
}

function tell(control: Control, problem: string): void {
  const place = document.getElementById(`problem-${control.dataset['key']}`)
  if (place && place.textContent !== problem) place.textContent = problem
  if (problem === '') control.removeAttribute('aria-invalid')
  else control.setAttribute('aria-invalid', 'true')
}

/** Opens the setting that the address names. */
function openTarget(): void {
  const row = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (!(row instanceof HTMLDetailsElement)) return
  row.open = true
  row.scrollIntoView({ block: 'center' })
}

function isControl(target: unknown): target is Control {
  return target instanceof HTMLElement && target.dataset['key'] !== undefined
}
