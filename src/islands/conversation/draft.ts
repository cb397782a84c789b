/** What was written and not sent, for as long as the tab lives: a reload loses nothing. */

// A storage takes some megabytes in all; a longer draft stays in the field only.
const maxKeptChars = 200_000

function keyOf(sessionId: string): string {
  return `talon.draft.${sessionId}`
}

export function readDraft(sessionId: string): string {
  try {
    return sessionStorage.getItem(keyOf(sessionId)) ?? ''
  } catch {
    // A browser may forbid it.
    return ''
  }
}

export function keepDraft(sessionId: string, text: string): void {
  try {
    if (text === '' || text.length > maxKeptChars) sessionStorage.removeItem(keyOf(sessionId))
    else sessionStorage.setItem(keyOf(sessionId), text)
  } catch {
    // It is forbidden, or full: the text is in its field all the same.
  }
}
