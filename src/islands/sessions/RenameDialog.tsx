import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import type { SessionItem } from '../../protocol/shapes.ts'
import { Dialog } from '../parts/Dialog.tsx'
import { sentence } from '../parts/sentence.ts'

// Ids that are counted begin anew in each island, and this one is looked up in the whole page.
const id = 'rename-title'

/** Asks for another title of a session. */
export function RenameDialog(input: {
  session: SessionItem | undefined
  onClose: () => void
  onRename: (session: SessionItem, title: string) => Promise<void>
}): JSX.Element {
  const { session, onClose, onRename } = input
  const problem = useSignal<string | undefined>(undefined)
  const submit = async (event: Event) => {
    event.preventDefault()
    event.stopPropagation()
    const field = document.getElementById(id)
    const title = field instanceof HTMLInputElement ? field.value.trim() : ''
    if (!session || title === '') return
    problem.value = undefined
    await onRename(session, title).catch(error => {
      problem.value = sentence('The session was not renamed.', error)
    })
  }
  const keydown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') void submit(event)
  }
  return (
    <Dialog open={session !== undefined} title="Rename this session" onClose={onClose}>
      {session && (
        <div class="mt-4 flex flex-col gap-4">
          <div>
            <label class="label" for={id}>
              Title
            </label>
            {/* Not in a form of its own: the list around it is one. */}
            <input
              id={id}
              class="input"
              defaultValue={session.title ?? ''}
              maxLength={200}
              autofocus
              onKeyDown={keydown}
            />
          </div>
          {problem.value && (
            <p class="alert alert-danger" role="alert">
              {problem.value}
            </p>
          )}
          <div class="flex justify-end gap-2">
            <button type="button" class="button" onClick={onClose}>
              Cancel
            </button>
            <button type="button" class="button button-primary" onClick={submit}>
              Rename
            </button>
          </div>
        </div>
      )}
    </Dialog>
  )
}
