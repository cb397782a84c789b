import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('logs.subscribe', (app, { bootId: asked, ...filter }, call) => {
  if (!call.connection) throw new TalonError('INVALID_MESSAGE', '"logs.subscribe" needs a WebSocket connection.')
  const { bootId } = app.lifecycle
  // Lines of another start: all that there are of this one are new.
  if (asked !== undefined && asked !== bootId && filter.after !== undefined) filter.after = 0
  const { after, dropped, start } = call.connection.followLog(filter)
  call.afterReply(start)
  return { after, dropped, bootId }
})
