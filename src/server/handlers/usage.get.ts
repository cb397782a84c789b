import { defineHandler } from '../dispatch.ts'
import { usageReport } from '../usage.ts'

export const handler = defineHandler('usage.get', usageReport)
