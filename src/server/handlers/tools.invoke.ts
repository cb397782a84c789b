import { actorOf } from '../actors.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('tools.invoke', (app, payload, call) =>
  app.tools.run({
    ...payload,
    tokenId: call.tokenId,
    by: actorOf(call),
    request: call.request,
    trace: call.trace,
    onStream: output => call.connection?.streamTool(output),
  }),
)
