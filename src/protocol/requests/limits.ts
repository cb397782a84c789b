import * as z from 'zod'
import { idSchema } from '../shapes.ts'
import type { RequestRow } from './row.ts'

const bucketSchema = z.object({
  name: z.string(),
  limit: z.number(),
  windowMs: z.number().nullable(),
  remaining: z.number(),
  resetMs: z.number(),
})

/** What is about rate limits. */
export const limitRequests = {
  'limits.get': {
    summary:
      'How much is left of every limit that holds for the caller. `windowMs` is the time in which an empty bucket fills up again, or null for what is counted while it is open; `resetMs` is the time until nothing of it is used. `toolExecutions` is that of `sessionId`, without one that of the token. Over a WebSocket `frames` and `bytes` are those of this connection. A token with the scope `admin` sees the limits of the whole gateway too, with `refused`, the refusals since the start by limit, and `busiest`: the buckets of anybody that are less than half full, the emptiest first, `key` being a token, a session or an address.',
    payload: z.object({ sessionId: idSchema.optional() }),
    reply: 'limits.get',
    result: z.object({
      enabled: z.boolean(),
      limits: z.array(bucketSchema),
      refused: z.record(z.string(), z.number()).optional(),
      busiest: z.array(bucketSchema.extend({ key: z.string(), who: z.string() })).optional(),
    }),
    scope: 'read',
    changes: false,
  },
} as const satisfies Record<string, RequestRow>
