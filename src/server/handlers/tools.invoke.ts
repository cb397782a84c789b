import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('tools.invoke', (app, payload, call) =>
  app.tools.run({ ...payload, tokenId: call.tokenId, request: call.request, trace: call.trace }),
)
