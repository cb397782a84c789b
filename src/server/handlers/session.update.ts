import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.update', async (app, payload, call) => {
  if (typeof payload.model === 'string' && !app.models.find(payload.model)) {
    throw new TalonError(
      'INVALID_MESSAGE',
      `There is no model "${payload.model}". Known: ${app.models.list().join(', ')}.`,
    )
  }
  const { session, duplicate } = await app.store.updateSession({ ...payload, request: call.request })
  return { session, ...(duplicate && { duplicate }) }
})
