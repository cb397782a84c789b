import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('tools.list', app => ({ tools: app.tools.list() }))
