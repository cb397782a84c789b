import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.search', async (app, input, { signal }) => {
  const { sessionId } = input
  if (sessionId !== undefined && !(await app.store.getHead(sessionId))) {
    throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
  }
  return app.store.search({ ...input, now: app.clock.now() }, { signal })
})
