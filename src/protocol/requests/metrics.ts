import * as z from 'zod'
import type { RequestRow } from './row.ts'

const empty = z.object({})

/** What is about figures of the gateway, for a page that shows them as they come. Prometheus asks `/metrics`. */
export const metricRequests = {
  'metrics.subscribe': {
    summary:
      'Sends a `metrics.sample` to this connection each `intervalMs` from now on, in the place of what an earlier one asked for, until the connection ends.',
    payload: z.object({ intervalMs: z.number().int().min(1_000).max(60_000).default(5_000) }),
    reply: 'metrics.subscribed',
    result: empty,
    scope: 'read',
    changes: false,
  },
} as const satisfies Record<string, RequestRow>

/** What happened since the sample before (or the subscription), and what is now. */
export const metricsSampleSchema = z.object({
  at: z.number(),
  intervalMs: z.number(),
  connections: z.number(),
  activeRuns: z.number(),
  requestsPerSecond: z.number(),
  messagesPerSecond: z.number(),
  tokensPerSecond: z.number(),
  errors: z.number(),
  p50Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  memoryBytes: z.number(),
  eventLoopDelayMs: z.number(),
})
