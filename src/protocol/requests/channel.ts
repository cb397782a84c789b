import * as z from 'zod'
import { idSchema, shortText } from '../shapes.ts'
import { acceptedSchema } from './accepted.ts'
import type { RequestRow } from './row.ts'

/** What comes from a channel that knows senders, not sessions. */
export const channelRequests = {
  'channel.message': {
    summary: "Finds or creates the sender's session (or the group's) and sends the message to it.",
    payload: z.object({
      channel: idSchema,
      senderId: idSchema,
      senderName: shortText.nullish(),
      text: z.string().min(1),
      media: z.unknown().optional(),
      isGroup: z.boolean().nullish(),
      groupId: idSchema.nullish(),
    }),
    reply: 'session.accepted',
    result: acceptedSchema,
    scope: 'chat',
    changes: true,
  },
} as const satisfies Record<string, RequestRow>
