import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.reset', async (app, { sessionId }, call) => {
  const { epoch, duplicate } = await app.store.resetSession({ sessionId, at: app.clock.now(), request: call.request })
  // What still runs belongs to the old epoch, and ends there.
  if (!duplicate) await app.runs.cancelAll(sessionId)
  return { sessionId, success: true, epoch, ...(duplicate && { duplicate }) }
})
