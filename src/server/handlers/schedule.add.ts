import { actorOf } from '../actors.ts'
import { defineHandler } from '../dispatch.ts'
import { requireAlso } from '../require-scope.ts'

export const handler = defineHandler('schedule.add', async (app, { sessionId = null, ...wanted }, call) => {
  requireAlso(call, 'chat', 'schedule.add')
  const { tokenId, request } = call
  const rights = { tokenId, profile: 'workspace', tainted: false } as const
  const { schedule, duplicate } = await app.schedules.add({
    ...wanted,
    ...rights,
    sessionId,
    request,
    by: actorOf(call),
  })
  return { schedule, ...(duplicate && { duplicate }) }
})
