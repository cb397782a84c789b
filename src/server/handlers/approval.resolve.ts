import { actorOf } from '../actors.ts'
import { defineHandler } from '../dispatch.ts'
import { keptOnce } from '../kept-once.ts'

export const handler = defineHandler('approval.resolve', (app, payload, call) =>
  keptOnce(app, call, () =>
    app.approvals.resolve({ ...payload, by: actorOf(call), requestId: call.request?.requestId }),
  ),
)
