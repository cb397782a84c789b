import { actorOf } from '../actors.ts'
import { defineHandler } from '../dispatch.ts'
import { keptOnce } from '../kept-once.ts'

export const handler = defineHandler('approval.restore', (app, { grantId }, call) =>
  keptOnce(app, call, () => app.approvals.restore(grantId, actorOf(call))),
)
