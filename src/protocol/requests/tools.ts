import * as z from 'zod'
import { configSchema, idSchema, toolSchema } from '../shapes.ts'
import type { RequestRow } from './row.ts'

const empty = z.object({})

/** What is about tools. */
export const toolRequests = {
  'tools.list': {
    summary: 'The tools of this gateway, with the JSON Schema of their arguments and whether they work here.',
    payload: empty,
    reply: 'tools.list',
    result: z.object({ tools: z.array(toolSchema) }),
    scope: 'read',
    changes: false,
  },
  'tools.invoke': {
    summary: 'Runs a tool. A tool that fails is no protocol error: the result says `success: false`.',
    payload: z.object({
      toolName: z.string().min(1).max(100),
      args: configSchema.default({}),
      sessionId: idSchema.optional(),
      dryRun: z.boolean().optional(),
      timeoutMs: z.number().int().min(1).max(600_000).optional(),
    }),
    reply: 'tools.result',
    result: z.object({
      toolName: z.string(),
      invocationId: z.string(),
      dryRun: z.boolean().optional(),
      success: z.boolean(),
      output: z.string(),
      error: z.string().optional(),
      code: z.string().optional(),
      durationMs: z.number(),
      truncated: z.boolean(),
      decision: z.object({ allowed: z.boolean(), rule: z.string() }).optional(),
    }),
    scope: 'tools',
    changes: true,
  },
  'tools.cancel': {
    summary:
      'Stops a tool that runs, with everything it started. `invocationId` is that of the run or, before its result tells it, the `id` of your own `tools.invoke`.',
    payload: z.object({ invocationId: idSchema }),
    reply: 'tools.cancelled',
    result: z.object({ invocationId: z.string() }),
    scope: 'tools',
    changes: false,
  },
} as const satisfies Record<string, RequestRow>
