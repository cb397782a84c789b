import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('logs.unsubscribe', (_app, _payload, call) => {
  call.connection?.unfollowLog()
  return {}
})
