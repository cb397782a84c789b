import { defineHandler } from '../dispatch.ts'
import { inheritedProfile } from '../profiles.ts'

export const handler = defineHandler('session.fork', async (app, { sessionId, atSeq, epoch, title }, call) => {
  const source = await app.store.getSession(sessionId)
  const { session, duplicate } = await app.store.forkSession({
    id: `sess_${app.newId()}`,
    sessionId,
    atSeq,
    epoch,
    title,
    profile: inheritedProfile(app, source?.profile ?? null),
    at: app.clock.now(),
    request: call.request,
  })
  call.afterReply(() => call.connection?.follow({ sessionId: session.id, epoch: session.epoch, after: session.seq }))
  const { id, senderId, channel, createdAt, forkedFrom } = session
  if (!forkedFrom) throw new Error(`Session ${id} was forked and does not say from what.`)
  return {
    sessionId: id,
    senderId,
    channel,
    title: session.title,
    createdAt,
    forkedFrom,
    ...(duplicate && { duplicate }),
  }
})
