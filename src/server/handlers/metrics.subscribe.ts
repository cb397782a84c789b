import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('metrics.subscribe', (_app, { intervalMs }, call) => {
  if (!call.connection) throw new TalonError('INVALID_MESSAGE', '"metrics.subscribe" needs a WebSocket connection.')
  const { start } = call.connection.followMetrics(intervalMs)
  call.afterReply(start)
  return {}
})
