import { actorOf } from '../actors.ts'
import { defineHandler } from '../dispatch.ts'
import { requireAlso } from '../require-scope.ts'

export const handler = defineHandler('schedule.pause', async (app, { scheduleId, paused }, call) => {
  requireAlso(call, 'chat', 'schedule.pause')
  return { schedule: await app.schedules.pause(scheduleId, paused, actorOf(call)) }
})
