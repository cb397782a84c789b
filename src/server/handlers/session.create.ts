import { defineHandler } from '../dispatch.ts'
import { refuseUnknownModel } from '../known-model.ts'
import { refuseHigherProfile } from '../profiles.ts'

export const handler = defineHandler('session.create', async (app, payload, call) => {
  refuseUnknownModel(app, payload.model)
  refuseHigherProfile(app, call, payload.profile, null)
  const id = `sess_${app.newId()}`
  const { session, duplicate } = await app.store.createSession({
    id,
    ...payload,
    at: app.clock.now(),
    request: call.request,
  })
  call.afterReply(() => call.connection?.follow({ sessionId: session.id, epoch: session.epoch, after: session.seq }))
  const { id: sessionId, senderId, channel, title, createdAt } = session
  return { sessionId, senderId, channel, title, createdAt, ...(duplicate && { duplicate }) }
})
