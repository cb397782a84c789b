import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.restore', async (app, { sessionId }, call) => {
  const { session, duplicate } = await app.store.restoreSession({
    sessionId,
    at: app.clock.now(),
    request: call.request,
  })
  return { session, ...(duplicate && { duplicate }) }
})
