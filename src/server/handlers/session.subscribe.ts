import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.subscribe', async (app, payload, call) => {
  if (!call.connection) throw new TalonError('INVALID_MESSAGE', '"session.subscribe" needs a WebSocket connection.')
  const { resumed, start } = await call.connection.subscribe(payload)
  // Without a place it is a beginning, not a resumption.
  if (payload.after !== undefined) app.metrics.inc('talon_websocket_resumes_total', resumed.reset ? 'reset' : 'resumed')
  call.afterReply(start)
  return resumed
})
