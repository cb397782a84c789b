import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.unsubscribe', (_app, { sessionId }, call) => {
  call.connection?.unsubscribe(sessionId)
  return { sessionId }
})
