import * as z from 'zod'

/** The reply to a message that was stored. */
export const acceptedSchema = z.object({
  sessionId: z.string(),
  messageId: z.string(),
  epoch: z.number(),
  seq: z.number(),
  runId: z.string(),
  duplicate: z.boolean(),
})
