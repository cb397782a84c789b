import { useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { useId } from 'preact/hooks'
import { gateway } from './connection.ts'
import { sentence } from './conversation/actions.ts'
import { Dialog } from './parts/Dialog.tsx'
import { useHydrated } from './parts/hydrated.ts'

export interface NewSessionProps {
  /** Every model there is, the default first. */
  models: string[]
}

/** The button that makes a session, with a dialog for its title and model, and goes there. */
export default function NewSession({ models }: NewSessionProps): JSX.Element {
  const open = useSignal(false)
  const working = useSignal(false)
  const problem = useSignal<string | undefined>(undefined)
  const hydrated = useHydrated()
  const id = useId()

  const create = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const [title, model] = [String(form.get('title') ?? '').trim(), String(form.get('model') ?? '')]
    working.value = true
    problem.value = undefined
    try {
      const { sessionId } = await gateway().request('session.create', {
        senderId: 'web-user',
        channel: 'webchat',
        ...(title !== '' && { title }),
        ...(model !== '' && { model }),
      })
      location.assign(`/sessions/${encodeURIComponent(sessionId)}`)
    } catch (error) {
      problem.value = sentence('The session was not created.', error)
      working.value = false
    }
  }

  return (
    <>
      <button
        type="button"
        class="button button-primary"
        disabled={!hydrated}
        onClick={() => {
          open.value = true
        }}
      >
        New session
      </button>
      <Dialog open={open.value} title="New session" onClose={() => (open.value = false)}>
        <form class="mt-4 flex flex-col gap-4" onSubmit={create}>
          <div>
            <label class="label" for={`${id}-title`}>
              Title <span class="font-normal text-muted">(optional)</span>
            </label>
            <input id={`${id}-title`} class="input" name="title" maxLength={200} autocomplete="off" />
          </div>
          {models.length > 1 && (
            <div>
              <label class="label" for={`${id}-model`}>
                Model
              </label>
              <select id={`${id}-model`} class="input" name="model">
                {models.map((model, at) => (
                  <option value={at === 0 ? '' : model}>{at === 0 ? `${model} (default)` : model}</option>
                ))}
              </select>
            </div>
          )}
          {problem.value && (
            <p class="alert alert-danger" role="alert">
              {problem.value}
            </p>
          )}
          <div class="flex justify-end gap-2">
            <button type="button" class="button" onClick={() => (open.value = false)}>
              Cancel
            </button>
            <button type="submit" class="button button-primary" disabled={working.value}>
              {working.value ? 'Creating …' : 'Create session'}
            </button>
          </div>
        </form>
      </Dialog>
    </>
  )
}
