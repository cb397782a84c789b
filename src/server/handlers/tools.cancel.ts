import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('tools.cancel', (app, { invocationId }, call) => {
  if (!app.tools.cancel(invocationId, call.tokenId))
    throw new TalonError('NOT_FOUND', 'No tool run of this id is going on.')
  return { invocationId }
})
