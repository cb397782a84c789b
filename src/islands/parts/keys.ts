import { signal } from '@preact/signals'

/**
 * One key of a page. `keys` is what a `KeyboardEvent` calls it (`j`, `#`, `?`, `Enter`, `ArrowDown`, `Space`), two of them one
 * after the other (`g s`), or one with Ctrl or Cmd (`Mod+k`).
 */
export interface Key {
  keys: string
  /** What it does, for the list that `?` shows. */
  label: string
  /** `false` says that there was nothing to do: then the browser does what it always does. */
  run: (event: KeyboardEvent) => unknown
  /** Set for what the frame of every page registers. */
  everywhere?: true
}

// The second key of two is of the first only so long.
const pairMs = 1_500

// Written in browsers only, where a tab has one user.
const registered = signal<readonly Key[]>([])
let first: { key: string; at: number } | undefined

/** The keys of this page, in the order in which they were registered. */
export const pageKeys = registered

/**
 * Adds keys to this page, until the returned function is called. They are not heard while somebody types in a field or a
 * dialog is open, except for those with `Mod`. Of two that are the same the later one counts.
 */
export function registerKeys(keys: readonly Key[]): () => void {
  if (registered.peek().length === 0) document.addEventListener('keydown', onKey)
  registered.value = [...registered.peek(), ...keys]
  return () => {
    registered.value = registered.peek().filter(key => !keys.includes(key))
    if (registered.peek().length === 0) document.removeEventListener('keydown', onKey)
  }
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.altKey) return
  const hasModifier = event.ctrlKey || event.metaKey
  if (!hasModifier && isBusy(event)) return
  const name = event.key === ' ' ? 'Space' : event.key
  const pair = first && event.timeStamp - first.at < pairMs ? `${first.key} ${name}` : undefined
  first = undefined
  if (hasModifier) {
    act(event, `Mod+${name.toLowerCase()}`)
  } else if (!(pair && act(event, pair)) && !act(event, name) && isFirstOfPair(name)) {
    first = { key: name, at: event.timeStamp }
  }
}

function act(event: KeyboardEvent, keys: string): boolean {
  const key = registered.peek().findLast(one => one.keys === keys)
  if (!key || key.run(event) === false) return false
  event.preventDefault()
  return true
}

function isFirstOfPair(name: string): boolean {
  return registered.peek().some(({ keys }) => keys.startsWith(`${name} `))
}

const fields = 'textarea, select, input:not([type="checkbox"])'

/** Whether the key belongs to what has the focus: a field, an open dialog, or a control that Enter and Space press. */
function isBusy(event: KeyboardEvent): boolean {
  const { target, key } = event
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable || target.matches(fields) || document.querySelector('dialog[open]')) return true
  return (key === 'Enter' || key === ' ') && target.matches('a, button, summary, input, [role]')
}
