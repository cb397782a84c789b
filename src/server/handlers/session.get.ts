import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.get', async (app, { sessionId }) => {
  const session = await app.store.getSession(sessionId)
  if (!session) throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
  const elevatedUntil = app.approvals.elevatedUntil(sessionId)
  const found = await app.store.getDelegation(sessionId)
  if (!found) return { session: { ...session, elevatedUntil, delegation: null } }
  const { role, depth, parentSessionId, parentRunId } = found
  return { session: { ...session, elevatedUntil, delegation: { role, depth, parentSessionId, parentRunId } } }
})
