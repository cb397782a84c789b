import { defineHandler } from '../dispatch.ts'
import { refuseUnknownModel } from '../known-model.ts'
import { refuseHigherProfile } from '../profiles.ts'

export const handler = defineHandler('session.update', async (app, payload, call) => {
  refuseUnknownModel(app, payload.model)
  if (payload.profile !== undefined) {
    const current = await app.store.getSession(payload.sessionId)
    refuseHigherProfile(app, call, payload.profile, current?.profile ?? null)
  }
  const { session, duplicate } = await app.store.updateSession({ ...payload, request: call.request })
  return { session, ...(duplicate && { duplicate }) }
})
