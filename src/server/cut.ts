import type { Cut } from '../db/store.ts'
import type { App } from './record.ts'

/** What a reset or deletion of a session has to know of the run that works there now. */
export function cutOf(app: App, sessionId: string): Cut {
  const live = app.runs.live(sessionId)
  return { messageId: app.newId(), live: live && { runId: live.runId, text: live.text, usage: live.spent } }
}
