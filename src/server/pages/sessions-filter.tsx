import type { JSX } from 'preact'
import { type SessionState, sessionStates } from '../../protocol/shapes.ts'
import type { PageContext } from './page.ts'

// The bounds of the protocol's own fields.
const maxIdChars = 128
const maxQueryChars = 200

/** What of the list one wants to see, as the address says it. */
export interface Filter {
  channel?: string
  senderId?: string
  state?: SessionState
  query?: string
  order?: 'oldest'
}

/** The filter in the address. A state that does not exist filters nothing. */
export function filterOf(context: PageContext): Filter {
  const text = (name: string, maxChars: number) => context.query(name)?.trim().slice(0, maxChars) || undefined
  const state = sessionStates.find(name => name === context.query('state'))
  const found = {
    channel: text('channel', maxIdChars),
    senderId: text('senderId', maxIdChars),
    query: text('query', maxQueryChars),
  }
  return {
    ...(found.channel && { channel: found.channel }),
    ...(found.senderId && { senderId: found.senderId }),
    ...(state && { state }),
    ...(found.query && { query: found.query }),
    ...(context.query('order') === 'oldest' && { order: 'oldest' }),
  }
}

export function addressOf(filter: Filter, cursor?: string): string {
  const query = new URLSearchParams({ ...filter, ...(cursor !== undefined && { cursor }) }).toString()
  return query === '' ? '/sessions' : `/sessions?${query}`
}

/** A form that leads to the address of a filter, or of a search of the messages. */
export function FilterForm({ filter, isSearch }: { filter: Filter; isSearch: boolean }): JSX.Element {
  const isFiltered = isSearch || Object.keys(filter).length > 0
  return (
    <search>
      <form class="filter" method="get" action="/sessions">
        <div class="flex flex-[3_1_16rem] gap-0">
          <div class="min-w-0 flex-1">
            <label class="label" for="query">
              Search
            </label>
            <input
              id="query"
              class="input rounded-r-none"
              type="search"
              name="query"
              value={filter.query ?? ''}
              maxLength={maxQueryChars}
              placeholder={isSearch ? 'Words, "a phrase", role:user, after:2026-01-31' : 'Title, sender or id'}
            />
          </div>
          <div>
            <label class="sr-only" for="in">
              Where
            </label>
            <select id="in" class="input mt-[1.625rem] rounded-l-none border-l-0" name="in">
              <option value="">sessions</option>
              <option value="messages" selected={isSearch}>
                messages
              </option>
            </select>
          </div>
        </div>
        <TextField name="channel" label="Channel" value={filter.channel} />
        <TextField name="senderId" label="Sender" value={filter.senderId} />
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
        <div class="flex-[1_1_8rem]">
          <label class="label" for="order">
            Order
          </label>
          <select id="order" class="input" name="order">
            <option value="">Newest first</option>
            <option value="oldest" selected={filter.order === 'oldest'}>
              Oldest first
            </option>
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

function TextField(input: { name: 'channel' | 'senderId'; label: string; value: string | undefined }): JSX.Element {
  const { name, label, value = '' } = input
  return (
    <div class="flex-[1_1_7rem]">
      <label class="label" for={name}>
        {label}
      </label>
      <input
        id={name}
        class="input"
        name={name}
        value={value}
        maxLength={maxIdChars}
        placeholder="Any"
        autocomplete="off"
      />
    </div>
  )
}
