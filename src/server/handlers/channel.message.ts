import { acceptMessage } from '../accept.ts'
import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('channel.message', (app, payload, call) => {
  const { channel, senderId, text, isGroup, groupId } = payload
  const senderName = payload.senderName ?? undefined
  const group = isGroup !== false && groupId ? { groupId } : {}
  const findOrCreate = { id: `sess_${app.newId()}`, channel, senderId, senderName, ...group }
  return acceptMessage(app, call, { target: { findOrCreate }, text, senderName })
})
