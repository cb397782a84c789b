import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

// A page is one frame, and a frame is at most this long in both directions.
const maxPageBytes = 1024 * 1024

export const handler = defineHandler('session.history', async (app, { sessionId, epoch, ...page }) => {
  const head = await app.store.getHead(sessionId)
  if (!head) throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
  const asked = epoch ?? head.epoch
  if (asked < 1 || asked > head.epoch) throw new TalonError('NOT_FOUND', `This session has no epoch ${asked}.`)
  const { entries, hasMore } = await app.store.history({ sessionId, epoch: asked, ...page, maxBytes: maxPageBytes })
  return { sessionId, epoch: asked, messages: entries.map(entry => entry.message), hasMore }
})
