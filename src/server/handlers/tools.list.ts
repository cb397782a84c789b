import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('tools.list', async app => {
  // A start takes a moment to find out what walls there are; until then some tools would say that they cannot work.
  await app.sandbox.probe()
  return app.tools.listing()
})
