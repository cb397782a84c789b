import { actorOf } from '../actors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.restore', async (app, { sessionId }, call) => {
  const { session, duplicate } = await app.store.restoreSession({
    sessionId,
    at: app.clock.now(),
    request: call.request,
    audit: app.audit.entry({ action: 'session.restore', target: sessionId }, actorOf(call)),
  })
  return { session, ...(duplicate && { duplicate }) }
})
