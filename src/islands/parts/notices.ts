import { signal } from '@preact/signals'

/** What was done or went wrong, said at the edge of the page, with a way back where there is one. */
export interface Notice {
  id: number
  text: string
  tone: 'quiet' | 'danger'
  undo?: () => Promise<void>
  link?: { label: string; href: string }
}

const maxNotices = 4
// Long enough to read and to reach the button; one that has the focus or the pointer stays.
const shownMs = 10_000

// Written in browsers only, where a tab has one user.
const list = signal<readonly Notice[]>([])
let count = 0

/** The notices that are shown now, the oldest first. */
export const notices = list

/** Shows a notice for ten seconds; `undo` gets a button, `link` leads on. Errors stay until they are dismissed. */
export function say(text: string, options: Partial<Pick<Notice, 'tone' | 'undo' | 'link'>> = {}): void {
  const { tone = 'quiet', undo, link } = options
  const id = ++count
  list.value = [...list.peek(), { id, text, tone, ...(undo && { undo }), ...(link && { link }) }].slice(-maxNotices)
  if (tone !== 'danger') setTimeout(() => dismiss(id), shownMs)
}

/** Takes a notice away. */
export function dismiss(id: number): void {
  list.value = list.peek().filter(notice => notice.id !== id)
}
