import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.get', async (app, { sessionId }) => {
  const session = await app.store.getSession(sessionId)
  if (!session) throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
  return { session: { ...session, elevatedUntil: app.approvals.elevatedUntil(sessionId) } }
})
