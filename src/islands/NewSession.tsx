import { useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { useEffect, useId } from 'preact/hooks'
import type { Profile } from '../protocol/shapes.ts'
import { gateway } from './connection.ts'
import { Dialog } from './parts/Dialog.tsx'
import { registerKeys } from './parts/keys.ts'
import { NewSessionFields } from './parts/NewSessionFields.tsx'
import { sentence } from './parts/sentence.ts'

export interface NewSessionProps {
  /** Every model there is, the default first. */
  models: string[]
  /** The profiles that this person may give to it. */
  profiles?: Profile[]
}

/** The button that makes a session, with a dialog for its title and model, and goes there. */
export default function NewSession({ models, profiles = [] }: NewSessionProps): JSX.Element {
  const open = useSignal(false)
  const working = useSignal(false)
  const problem = useSignal<string | undefined>(undefined)
  const id = useId()
  useEffect(() => {
    const begin = () => {
      open.value = true
    }
    return registerKeys([{ keys: 'n', label: 'New session', run: begin }])
  }, [open])

  const create = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '').trim()
    const [title, model] = [text('title'), text('model')]
    const profile = profiles.find(known => known === form.get('profile'))
    working.value = true
    problem.value = undefined
    try {
      const { sessionId } = await gateway().request('session.create', {
        senderId: 'web-user',
        channel: 'webchat',
        ...(title !== '' && { title }),
        ...(model !== '' && { model }),
        ...(profile && { profile }),
      })
      location.assign(`/sessions/${encodeURIComponent(sessionId)}`)
    } catch (error) {
      problem.value = sentence('The session was not created.', error)
      working.value = false
    }
  }

  return (
    <>
      <form
        method="get"
        action="/sessions/new"
        onSubmit={event => {
          event.preventDefault()
          open.value = true
        }}
      >
        <button type="submit" class="button button-primary">
          New session
        </button>
      </form>
      <Dialog open={open.value} title="New session" onClose={() => (open.value = false)}>
        <form class="mt-4 flex flex-col gap-4" onSubmit={create}>
          <NewSessionFields id={id} models={models} profiles={profiles} />
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
