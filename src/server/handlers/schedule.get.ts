import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('schedule.get', (app, { scheduleId }) => app.schedules.get(scheduleId))
