import { actorOf } from '../actors.ts'
import { defineHandler } from '../dispatch.ts'
import { keptOnce } from '../kept-once.ts'
import { requireAlso } from '../require-scope.ts'

export const handler = defineHandler('schedule.remove', (app, { scheduleId }, call) => {
  requireAlso(call, 'chat', 'schedule.remove')
  return keptOnce(app, call, async () => {
    await app.schedules.remove(scheduleId, actorOf(call))
    return { scheduleId }
  })
})
