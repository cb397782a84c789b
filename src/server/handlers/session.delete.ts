import { actorOf } from '../actors.ts'
import { cutOf } from '../cut.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.delete', async (app, { sessionId }, call) => {
  const audit = app.audit.entry({ action: 'session.delete', target: sessionId }, actorOf(call))
  const ending = { sessionId, at: app.clock.now(), cut: cutOf(app, sessionId), request: call.request, audit }
  const { ended, duplicate } = await app.store.deleteSession(ending)
  if (!duplicate) app.runs.abandon(sessionId, ended)
  return { sessionId, ...(duplicate && { duplicate }) }
})
