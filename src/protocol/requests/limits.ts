import * as z from 'zod'
import { idSchema } from '../shapes.ts'
import type { RequestRow } from './row.ts'

/** What is about rate limits. */
export const limitRequests = {
  'limits.get': {
    summary:
      'How much is left of every limit that holds for the caller. `windowMs` is the time in which an empty bucket fills up again, or null for what is counted while it is open; `resetMs` is the time until nothing of it is used. `toolExecutions` is that of `sessionId`, without one that of the token. Over a WebSocket `frames` and `bytes` are those of this connection. A token with the scope `admin` sees the limits of the whole gateway too.',
    payload: z.object({ sessionId: idSchema.optional() }),
    reply: 'limits.get',
    result: z.object({
      enabled: z.boolean(),
      limits: z.array(
        z.object({
          name: z.string(),
          limit: z.number(),
          windowMs: z.number().nullable(),
          remaining: z.number(),
          resetMs: z.number(),
        }),
      ),
    }),
    scope: 'read',
    changes: false,
  },
} as const satisfies Record<string, RequestRow>
