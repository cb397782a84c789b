import { cutOf } from '../cut.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.reset', async (app, { sessionId }, call) => {
  const ending = { sessionId, at: app.clock.now(), cut: cutOf(app, sessionId), request: call.request }
  const { epoch, ended, duplicate } = await app.store.resetSession(ending)
  if (!duplicate) app.runs.abandon(sessionId, ended)
  return { sessionId, success: true, epoch, ...(duplicate && { duplicate }) }
})
