import { acceptMessage } from '../accept.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.send_message', (app, { sessionId, text, senderName }, call) =>
  acceptMessage(app, call, { target: { sessionId }, text, senderName }),
)
