import { defineHandler } from '../dispatch.ts'
import { refuseUnknownModel } from '../known-model.ts'

export const handler = defineHandler('session.update', async (app, payload, call) => {
  refuseUnknownModel(app, payload.model)
  const { session, duplicate } = await app.store.updateSession({ ...payload, request: call.request })
  return { session, ...(duplicate && { duplicate }) }
})
