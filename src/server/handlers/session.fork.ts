import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.fork', async (app, { sessionId, atSeq, epoch, title }, call) => {
  const { session, duplicate } = await app.store.forkSession({
    id: `sess_${app.newId()}`,
    sessionId,
    atSeq,
    epoch,
    title,
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
