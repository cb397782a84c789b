import type { JSX, TargetedSubmitEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { matches, type SettingsFilterState, shows } from './settings/matches.ts'

export interface SettingsFilterProps extends SettingsFilterState {
  /** How many settings there are. */
  total: number
}

/** Finds settings while one types, without losing what was entered; without JavaScript by a new page. */
export default function SettingsFilter({ query, show, total }: SettingsFilterProps): JSX.Element {
  const form = useRef<HTMLFormElement>(null)
  const [count, setCount] = useState<number | undefined>(undefined)
  const apply = () => {
    if (!form.current) return
    const entered = new FormData(form.current)
    const state = { query: String(entered.get('q') ?? '').trim(), show: String(entered.get('show') ?? '') }
    setCount(showOnly(state))
    const address = new URLSearchParams(Object.entries({ q: state.query, show: state.show }).filter(([, text]) => text))
    history.replaceState(null, '', `${location.pathname}${address.size > 0 ? `?${address}` : ''}${location.hash}`)
  }
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    apply()
  }
  // What was typed before this code came counts too.
  useEffect(apply, [])
  return (
    <search>
      <form ref={form} class="filter" method="get" action="/settings" onSubmit={submit} onInput={apply}>
        <div class="flex-[2_1_14rem]">
          <label class="label" for="q">
            Search
          </label>
          <input
            id="q"
            class="input"
            type="search"
            name="q"
            defaultValue={query}
            maxLength={200}
            autocomplete="off"
            placeholder="Name, words or value"
          />
        </div>
        <div class="flex-[1_1_10rem]">
          <label class="label" for="show">
            Show
          </label>
          <select id="show" class="input" name="show">
            <option value="">All</option>
            {Object.entries(shows).map(([name, words]) => (
              <option key={name} value={name} selected={name === show}>
                {words}
              </option>
            ))}
          </select>
        </div>
        {count === undefined && (
          <button type="submit" class="button">
            Search
          </button>
        )}
        <p class="w-full text-sm text-muted" role="status">
          {count === undefined || count === total ? `${total} settings` : `${count} of ${total} settings`}
        </p>
      </form>
    </search>
  )
}

/** Hides what is not asked for, and what is empty by that; how many are left. One that was changed is never hidden. */
function showOnly(state: SettingsFilterState): number {
  let count = 0
  for (const row of document.querySelectorAll<HTMLDetailsElement>('.setting')) {
    const { source = '', restart, changed } = row.dataset
    const text = row.querySelector('summary')?.textContent ?? ''
    row.hidden = changed === undefined && !matches({ text, source, restartRequired: restart !== undefined }, state)
    if (!row.hidden) count += 1
  }
  for (const section of document.querySelectorAll<HTMLElement>('.settings section')) {
    section.hidden = section.querySelector('.setting:not([hidden])') === null
  }
  document.querySelector('[data-nothing]')?.classList.toggle('hidden', count > 0)
  return count
}
