import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('schedule.list', async app => ({ schedules: await app.schedules.list() }))
