import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.cancel', async (app, { sessionId }) => {
  if (!(await app.store.getHead(sessionId)))
    throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
  return { sessionId, runId: await app.runs.cancel(sessionId) }
})
