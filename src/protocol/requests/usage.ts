import * as z from 'zod'
import { idSchema } from '../shapes.ts'
import type { RequestRow } from './row.ts'

const day = 'must be a day such as 2026-11-23, or Unix milliseconds'
// The end of the year 9999, as the longest day that is written with ten characters.
const latest = 253_402_300_799_999
const daySchema = z.union([z.iso.date(day), z.int(day).min(0, day).max(latest, day)], day)

const sums = {
  runs: z.number(),
  failed: z.number(),
  calls: z.number(),
  estimatedCalls: z.number(),
  unpricedCalls: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  totalTokens: z.number(),
  costUsd: z.number().nullable(),
  toolCalls: z.number(),
  wallMs: z.number(),
}

export const usageGroupings = ['day', 'session', 'model', 'token'] as const
export const maxUsageRows = 10_000

/** What is about what was spent. */
export const usageRequests = {
  'usage.get': {
    summary:
      'What was spent from one UTC day to another, both included (the last 30 days), by `day`, `session`, `model` or `token`. `costUsd` is null where no price is known, and holds nothing of `unpricedCalls`; `estimatedCalls` are those that ended without the count of the provider. `more` says that there are more rows than `limit`; `total` is of all. `budgets` are those that are set, for the gateway, the token that asks, and `sessionId`.',
    payload: z.object({
      from: daySchema.optional(),
      to: daySchema.optional(),
      by: z.enum(usageGroupings).default('day'),
      limit: z.int().min(1).max(maxUsageRows).default(1_000),
      sessionId: idSchema.optional(),
    }),
    reply: 'usage.get',
    result: z.object({
      from: z.string(),
      to: z.string(),
      by: z.enum(usageGroupings),
      rows: z.array(
        z.object({
          day: z.string().optional(),
          sessionId: z.string().nullable().optional(),
          title: z.string().nullable().optional(),
          provider: z.string().nullable().optional(),
          model: z.string().nullable().optional(),
          tokenId: z.string().nullable().optional(),
          tokenName: z.string().nullable().optional(),
          ...sums,
        }),
      ),
      more: z.boolean(),
      total: z.object(sums),
      budgets: z.array(
        z.object({
          name: z.string(),
          unit: z.enum(['tokens', 'USD', 'toolCalls', 'ms']),
          limit: z.number(),
          spent: z.number(),
          reserved: z.number(),
          resetsAt: z.number().nullable(),
        }),
      ),
    }),
    scope: 'read',
    changes: false,
  },
} as const satisfies Record<string, RequestRow>
