import type { JSX } from 'preact'
import { NewSessionFields } from '../../islands/parts/NewSessionFields.tsx'
import type { Profile } from '../../protocol/shapes.ts'
import type { App } from '../record.ts'
import { modelNames } from './models.ts'
import { type ActionContext, type ActionOutcome, definePage } from './page.ts'
import { profilesFor } from './session-profiles.ts'

interface NewSessionData {
  models: string[]
  profiles: Profile[]
  /** What was entered before it failed. */
  entered: { title: string; model: string; profile: string } | undefined
}

/** Where “New session” leads without a script. */
export default definePage<NewSessionData>({
  path: '/sessions/new',
  scope: 'chat',
  title: () => 'New session',
  async load(app, { identity, sent }) {
    const text = (name: string) => sent?.form.get(name) ?? ''
    const entered = sent && { title: text('title'), model: text('model'), profile: text('profile') }
    return { models: modelNames(app), profiles: profilesFor(app, identity), entered }
  },
  view: data => <NewSession {...data} />,
  actions: { create: { scope: 'chat', run: create } },
})

async function create(_app: App, { form, ask }: ActionContext): Promise<ActionOutcome> {
  const text = (name: string) => (form.get(name) ?? '').trim()
  const [title, model, profile] = [text('title'), text('model'), text('profile')]
  const { sessionId } = await ask('session.create', {
    senderId: 'web-user',
    channel: 'webchat',
    ...(title !== '' && { title }),
    ...(model !== '' && { model }),
    ...(profile !== '' && { profile }),
  })
  return { to: `/sessions/${encodeURIComponent(sessionId)}` }
}

function NewSession({ models, profiles, entered }: NewSessionData): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>New session</h1>
      </div>
      <form method="post" class="card flex max-w-md flex-col gap-4 p-6">
        <NewSessionFields id="new" models={models} profiles={profiles} {...(entered && { entered })} />
        <div class="flex gap-2">
          <button type="submit" class="button button-primary" name="action" value="create">
            Create session
          </button>
          <a class="button" href="/sessions">
            Cancel
          </a>
        </div>
      </form>
    </>
  )
}
