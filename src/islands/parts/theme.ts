import { signal } from '@preact/signals'

export const themes = ['light', 'dark', 'system'] as const
export type Theme = (typeof themes)[number]

// Written in browsers only, where a tab has one user; until then the page's own is what counts.
const chosen = signal<Theme | undefined>(undefined)

/** What was chosen on this page; undefined for what the server said. */
export const chosenTheme = chosen

/** Shows the page in these colours at once, and keeps the choice for the next page. */
export async function setTheme(theme: Theme): Promise<void> {
  chosen.value = theme
  document.documentElement.dataset['theme'] = theme
  // The answer leads to a page, for browsers without JavaScript; here the cookie is all that is wanted.
  await fetch('/theme', { method: 'POST', body: new URLSearchParams({ theme }), redirect: 'manual' })
}

/** The theme that the switch of a small screen leads to. */
export function nextTheme(theme: Theme): Theme {
  return themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system'
}
