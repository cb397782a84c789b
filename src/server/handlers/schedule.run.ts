import { actorOf } from '../actors.ts'
import { defineHandler } from '../dispatch.ts'
import { keptOnce } from '../kept-once.ts'
import { requireAlso } from '../require-scope.ts'

export const handler = defineHandler('schedule.run', (app, { scheduleId }, call) => {
  requireAlso(call, 'chat', 'schedule.run')
  return keptOnce(app, call, async () => ({ scheduleId, ...(await app.schedules.run(scheduleId, actorOf(call))) }))
})
