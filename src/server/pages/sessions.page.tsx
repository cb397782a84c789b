import type { JSX } from 'preact'
import type { DeletedSession } from '../../db/store.ts'
import NewSession from '../../islands/NewSession.tsx'
import SessionList from '../../islands/SessionList.tsx'
import { TalonError } from '../../protocol/errors.ts'
import type { Profile, SearchHit, SessionItem } from '../../protocol/shapes.ts'
import type { App } from '../record.ts'
import { Island } from './island.tsx'
import { modelNames } from './models.ts'
import { type ActionContext, type ActionOutcome, definePage, type PageContext } from './page.ts'
import { profilesFor } from './session-profiles.ts'
import { Deleted } from './sessions-deleted.tsx'
import { addressOf, type Filter, FilterForm, filterOf } from './sessions-filter.tsx'
import { Hits } from './sessions-hits.tsx'

const pageSize = 25
const maxHits = 50
// A page of them, chosen one by one.
const maxChosen = 100

type View =
  | { mode: 'list'; sessions: SessionItem[] }
  | { mode: 'deleted'; sessions: DeletedSession[] }
  | { mode: 'messages'; hits: SearchHit[]; unindexed: number }

interface SessionsData {
  view: View
  filter: Filter
  /** Address of the next page, and of the first if this is another. */
  next: string | undefined
  first: string | undefined
  models: string[]
  profiles: Profile[]
  now: number
  canWrite: boolean
}

export default definePage<SessionsData>({
  path: '/sessions',
  scope: 'read',
  navigation: { label: 'Sessions', order: 1 },
  title: ({ view }) => (view.mode === 'deleted' ? 'Deleted sessions' : 'Sessions'),
  async load(app, context) {
    const filter = filterOf(context)
    return {
      ...(await viewOf(app, context, filter)),
      filter,
      models: modelNames(app),
      profiles: profilesFor(app, context.identity),
      now: context.now,
      canWrite: context.identity.scopes.has('chat'),
    }
  },
  view: data => <Sessions {...data} />,
  actions: { delete: { scope: 'chat', run: remove }, restore: { scope: 'chat', run: restore } },
})

async function viewOf(
  app: App,
  context: PageContext,
  filter: Filter,
): Promise<Pick<SessionsData, 'view' | 'next' | 'first'>> {
  const { query, ask } = context
  const cursor = query('cursor')
  if (query('view') === 'deleted') {
    const { sessions, nextCursor } = await app.store.listDeleted({ limit: pageSize, cursor })
    const next =
      nextCursor === null ? undefined : `/sessions?${new URLSearchParams({ view: 'deleted', cursor: nextCursor })}`
    return { view: { mode: 'deleted', sessions }, next, first: cursor && '/sessions?view=deleted' }
  }
  if (query('in') === 'messages' && filter.query) {
    const channel = filter.channel === undefined ? '' : ` channel:${filter.channel}`
    const { hits, unindexed } = await ask('session.search', { query: filter.query + channel, limit: maxHits })
    return { view: { mode: 'messages', hits, unindexed }, next: undefined, first: undefined }
  }
  const { sessions, nextCursor } = await app.store.listSessions({ ...filter, limit: pageSize, cursor })
  const next = nextCursor === null ? undefined : addressOf(filter, nextCursor)
  return { view: { mode: 'list', sessions }, next, first: cursor && addressOf(filter) }
}

async function remove(_app: App, { form, ask }: ActionContext): Promise<ActionOutcome> {
  const ids = form.getAll('id').slice(0, maxChosen)
  if (ids.length === 0) throw new TalonError('INVALID_MESSAGE', 'Choose the sessions that are to be deleted.')
  const problems: TalonError[] = []
  for (const sessionId of ids) {
    await ask('session.delete', { sessionId }).catch((error: unknown) => {
      // One that somebody else deleted meanwhile is no reason to keep the others.
      if (!(error instanceof TalonError)) throw error
      problems.push(error)
    })
  }
  const [problem] = problems
  const count = ids.length - problems.length
  if (problem && count === 0) throw problem
  const what = count === 1 ? 'One session is' : `${count} sessions are`
  const rest = problem ? ` ${problems.length} could not be deleted: ${problem.message}` : ''
  return { said: `${ids.length === 1 ? 'The session is' : what} deleted. “Deleted” has them for 30 days.${rest}` }
}

async function restore(_app: App, { form, ask }: ActionContext): Promise<ActionOutcome> {
  const { session } = await ask('session.restore', { sessionId: form.get('id') ?? '' })
  return { to: '/sessions?view=deleted', said: `Restored ${session.title ? `“${session.title}”` : 'the session'}.` }
}

function Sessions(data: SessionsData): JSX.Element {
  const { view, filter, next, first, models, profiles, canWrite } = data
  return (
    <>
      <div class="page-head">
        <h1>Sessions</h1>
        {canWrite && <Island name="NewSession" of={NewSession} props={{ models, profiles }} />}
      </div>
      <nav class="tabs" aria-label="Sessions">
        <a class="tab" href="/sessions" aria-current={view.mode === 'deleted' ? undefined : 'page'}>
          All
        </a>
        <a class="tab" href="/sessions?view=deleted" aria-current={view.mode === 'deleted' ? 'page' : undefined}>
          Deleted
        </a>
      </nav>
      {view.mode !== 'deleted' && <FilterForm filter={filter} isSearch={view.mode === 'messages'} />}
      <Body {...data} />
      <nav class="mt-5 flex gap-3" aria-label="Pages">
        {first !== undefined && (
          <a class="button" href={first}>
            First page
          </a>
        )}
        {next !== undefined && (
          <a class="button" href={next} rel="next">
            Next page
          </a>
        )}
      </nav>
    </>
  )
}

function Body({ view, filter, first, now, canWrite }: SessionsData): JSX.Element {
  switch (view.mode) {
    case 'deleted':
      return <Deleted sessions={view.sessions} now={now} canWrite={canWrite} />
    case 'messages':
      return <Hits hits={view.hits} unindexed={view.unindexed} now={now} />
    case 'list': {
      const list = {
        sessions: view.sessions,
        filter: { ...filter, limit: pageSize },
        isFirstPage: first === undefined,
        now,
      }
      return <Island name="SessionList" of={SessionList} props={{ ...list, canWrite }} />
    }
  }
}
