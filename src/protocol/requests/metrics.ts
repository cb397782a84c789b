import * as z from 'zod'
import type { RequestRow } from './row.ts'

/** How far back the figures go that the gateway keeps: every 5 s, 30 s or 5 min. */
export const historyRanges = ['5m', '1h', '24h'] as const

const empty = z.object({})
const points = z.array(z.number().nullable())

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
  'metrics.history': {
    summary:
      'The same figures over the last five minutes, hour or day, a point each 5 s, 30 s or 5 min: rates are means, quantiles are of all requests, everything else is the highest. `from` is the time of the first point (Unix ms); null stands where the gateway did not run, and where there was nothing to measure.',
    payload: z.object({ range: z.enum(historyRanges).default('1h') }),
    reply: 'metrics.history',
    result: z.object({
      range: z.enum(historyRanges),
      from: z.number(),
      stepMs: z.number(),
      series: z.object({
        messagesPerSecond: points,
        requestsPerSecond: points,
        tokensPerSecond: points,
        costUsdPerHour: points,
        errorsPerMinute: points,
        p50Ms: points,
        p99Ms: points,
        memoryBytes: points,
        heapBytes: points,
        eventLoopDelayMs: points,
        connections: points,
        activeRuns: points,
      }),
    }),
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
  costUsd: z.number(),
  errors: z.number(),
  p50Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  memoryBytes: z.number(),
  heapBytes: z.number(),
  eventLoopDelayMs: z.number(),
})
