import './styles.css'
import { type ComponentType, h, hydrate } from 'preact'
import { keepTimesFresh } from './times.ts'

type Island = { default: ComponentType<Record<string, unknown>> }

// Lazy, so that a page loads the islands that are on it and no others.
const islands = import.meta.glob<Island>('./*.tsx')

/** Takes over one island: the component that the server rendered, with the props that it left in the element. */
async function mount(element: HTMLElement): Promise<void> {
  const load = islands[`./${element.dataset['island']}.tsx`]
  if (!load) throw new Error(`There is no island "${element.dataset['island']}".`)
  const { default: Component } = await load()
  // Written by our own server, from props of the component's own type.
  const props = JSON.parse(element.dataset['props'] ?? '{}') as Record<string, unknown>
  hydrate(h(Component, props), element)
}

for (const element of document.querySelectorAll<HTMLElement>('[data-island]')) mount(element)
keepTimesFresh()
// What a tab kept of a session goes with the sign-in.
addEventListener('submit', ({ target }) => {
  if (!(target instanceof HTMLFormElement) || target.getAttribute('action') !== '/logout') return
  sessionStorage.clear()
  localStorage.clear()
})
// For an offline page. There is none over plain HTTP from another machine, where browsers refuse it, nor while developing.
if (import.meta.env.MODE === 'production') navigator.serviceWorker?.register('/sw.js').catch(() => undefined)
