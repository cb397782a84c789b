import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.delete', async (app, { sessionId }, call) => {
  const { duplicate } = await app.store.deleteSession({ sessionId, at: app.clock.now(), request: call.request })
  if (!duplicate) await app.runs.cancelAll(sessionId)
  return { sessionId, ...(duplicate && { duplicate }) }
})
