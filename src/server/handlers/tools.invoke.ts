import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('tools.invoke', async (app, payload, call) => {
  const { sessionId } = payload
  if (sessionId !== undefined && !(await app.store.getHead(sessionId))) {
    throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
  }
  return app.tools.run({ ...payload, tokenId: call.tokenId, request: call.request })
})
