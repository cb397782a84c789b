import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.subscribe', async (_app, payload, call) => {
  if (!call.connection) throw new TalonError('INVALID_MESSAGE', '"session.subscribe" needs a WebSocket connection.')
  const { resumed, start } = await call.connection.subscribe(payload)
  call.afterReply(start)
  return resumed
})
