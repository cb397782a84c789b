import type { RefObject } from 'preact'
import type { Key } from '../parts/keys.ts'

/** The keys of a list of sessions: they move the focus, and act on the row that has it. */
export function listKeys(
  list: RefObject<HTMLElement | null>,
  act: { choose: (id: string) => void; remove: (id: string) => void; rename: (id: string) => void },
): (Key & { changes?: true })[] {
  const links = () => [...(list.current?.querySelectorAll<HTMLAnchorElement>('.row-link') ?? [])]
  const rowAt = () => links().findIndex(link => link.closest('.row')?.contains(document.activeElement))
  const move = (by: number) => {
    const all = links()
    const at = rowAt()
    all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))]?.focus()
  }
  const onRow = (run: (id: string) => void) => () => {
    const id = links()[rowAt()]?.dataset['id']
    if (id === undefined) return false
    run(id)
    return undefined
  }
  return [
    { keys: 'j', label: 'Next session', run: () => move(1) },
    { keys: 'k', label: 'Session before', run: () => move(-1) },
    { keys: 'x', label: 'Choose the session', changes: true, run: onRow(act.choose) },
    { keys: 'r', label: 'Rename the session', changes: true, run: onRow(act.rename) },
    { keys: '#', label: 'Delete the session, or those that are chosen', changes: true, run: onRow(act.remove) },
    { keys: '/', label: 'Search', run: () => document.querySelector<HTMLInputElement>('#query')?.focus() },
  ]
}
