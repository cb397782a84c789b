import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('tools.list', app => app.tools.listing())
