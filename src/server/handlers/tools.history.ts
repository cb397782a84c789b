import { defineHandler } from '../dispatch.ts'
import { toolRunOf } from '../tool-run.ts'

export const handler = defineHandler('tools.history', async (app, query) => {
  const { items, nextCursor } = await app.store.listInvocations(query)
  return { runs: items.map(toolRunOf), nextCursor }
})
