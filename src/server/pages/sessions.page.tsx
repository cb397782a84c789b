import type { JSX } from 'preact'
import NewSession from '../../islands/NewSession.tsx'
import SessionList from '../../islands/SessionList.tsx'
import { type SessionItem, type SessionState, sessionStates } from '../../protocol/shapes.ts'
import { Island } from './island.tsx'
import { modelNames } from './models.ts'
import { definePage, type PageContext } from './page.ts'

const pageSize = 25
// The bounds of the protocol's own fields.
const maxChannelChars = 128
const maxQueryChars = 200

interface Filter {
  channel?: string
  state?: SessionState
  query?: string
}

interface SessionsData {
  sessions: SessionItem[]
  filter: Filter
  /** Address of the next page, and of the first if this is another. */
  next: string | undefined
  first: string | undefined
  models: string[]
  now: number
  canWrite: boolean
}

export default definePage<SessionsData>({
  path: '/sessions',
  scope: 'read',
  navigation: { label: 'Sessions', order: 1 },
  title: () => 'Sessions',
  async load(app, context) {
    const filter = filterOf(context)
    const cursor = context.query('cursor')
    const page = await app.store.listSessions({ ...filter, limit: pageSize, cursor })
    return {
      sessions: page.sessions,
      filter,
      next: page.nextCursor === null ? undefined : addressOf(filter, page.nextCursor),
      first: cursor === undefined ? undefined : addressOf(filter),
      models: modelNames(app),
      now: context.now,
      canWrite: context.identity.scopes.has('chat'),
    }
  },
  view: data => <Sessions {...data} />,
})

/** The filter in the address. A state that does not exist filters nothing. */
function filterOf(context: PageContext): Filter {
  const [channel, query] = [context.query('channel')?.trim(), context.query('query')?.trim()]
  const state = sessionStates.find(name => name === context.query('state'))
  return {
    ...(channel && { channel: channel.slice(0, maxChannelChars) }),
    ...(state && { state }),
    ...(query && { query: query.slice(0, maxQueryChars) }),
  }
}

function addressOf(filter: Filter, cursor?: string): string {
  const query = new URLSearchParams({ ...filter, ...(cursor !== undefined && { cursor }) }).toString()
  return query === '' ? '/sessions' : `/sessions?${query}`
}

function Sessions({ sessions, filter, next, first, models, now, canWrite }: SessionsData): JSX.Element {
  const list = { sessions, filter: { ...filter, limit: pageSize }, isFirstPage: first === undefined, now }
  return (
    <>
      <div class="page-head">
        <h1>Sessions</h1>
        {canWrite && <Island name="NewSession" of={NewSession} props={{ models }} />}
      </div>
      <FilterForm filter={filter} />
      <Island name="SessionList" of={SessionList} props={{ ...list, canDelete: canWrite }} />
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

function FilterForm({ filter }: { filter: Filter }): JSX.Element {
  const isFiltered = Object.keys(filter).length > 0
  return (
    <search>
      <form class="filter" method="get" action="/sessions">
        <div class="flex-[2_1_14rem]">
          <label class="label" for="query">
            Search
          </label>
          <input
            id="query"
            class="input"
            type="search"
            name="query"
            value={filter.query ?? ''}
            maxLength={maxQueryChars}
            placeholder="Title, sender or id"
          />
        </div>
        <div class="flex-[1_1_8rem]">
          <label class="label" for="channel">
            Channel
          </label>
          <input
            id="channel"
            class="input"
            name="channel"
            value={filter.channel ?? ''}
            maxLength={maxChannelChars}
            placeholder="Any"
            autocomplete="off"
          />
        </div>
        <div class="flex-[1_1_7rem]">
          <label class="label" for="state">
            State
          </label>
          <select id="state" class="input" name="state">
            <option value="">Any</option>
            {sessionStates.map(state => (
              <option key={state} value={state} selected={state === filter.state}>
                {state}
              </option>
            ))}
          </select>
        </div>
        <button type="submit" class="button">
          Filter
        </button>
        {isFiltered && (
          <a class="button button-quiet" href="/sessions">
            Clear
          </a>
        )}
      </form>
    </search>
  )
}
