import { actorOf } from '../actors.ts'
import { defineHandler } from '../dispatch.ts'
import { keptOnce } from '../kept-once.ts'

export const handler = defineHandler('session.elevate', (app, { sessionId, minutes }, call) =>
  keptOnce(app, call, async () => ({
    sessionId,
    ...(await app.approvals.elevate({ sessionId, minutes, by: actorOf(call) })),
  })),
)
