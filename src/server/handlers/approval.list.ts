import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('approval.list', async app => {
  const grants = await app.approvals.grants()
  return { approvals: app.approvals.open(), grants }
})
