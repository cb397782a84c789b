import { actorOf } from '../actors.ts'
import { cutOf } from '../cut.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.reset', async (app, { sessionId }, call) => {
  const audit = app.audit.entry({ action: 'session.reset', target: sessionId }, actorOf(call))
  const ending = { sessionId, at: app.clock.now(), cut: cutOf(app, sessionId), request: call.request, audit }
  const { epoch, ended, duplicate } = await app.store.resetSession(ending)
  if (!duplicate) app.runs.abandon(sessionId, ended)
  return { sessionId, success: true, epoch, ...(duplicate && { duplicate }) }
})
