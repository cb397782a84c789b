import { defineHandler } from '../dispatch.ts'
import { gatewayStatus } from '../status.ts'

export const handler = defineHandler('gateway.status', app => gatewayStatus(app))
