import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('metrics.history', async (app, { range }) => app.history.read(range))
