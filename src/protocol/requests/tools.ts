import * as z from 'zod'
import { attachmentRefSchema, configSchema, decisionSchema, idSchema, toolOutcomes, toolSchema } from '../shapes.ts'
import type { RequestRow } from './row.ts'

const empty = z.object({})

/** One run of a tool in the history. */
const toolRunSchema = z.object({
  invocationId: z.string(),
  toolName: z.string(),
  tokenId: z.string().nullable(),
  sessionId: z.string().nullable(),
  runId: z.string().nullable(),
  /** Without secrets; long texts are cut. */
  args: configSchema,
  startedAt: z.number(),
  finishedAt: z.number().nullable(),
  dryRun: z.boolean(),
  tainted: z.boolean(),
  decision: decisionSchema.nullable(),
  /** Null while it runs. */
  success: z.boolean().nullable(),
  code: z.string().nullable(),
  error: z.string().nullable(),
  durationMs: z.number().nullable(),
  outputBytes: z.number().nullable(),
})

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
    summary:
      'Runs a tool. A tool that fails is no protocol error: the result says `success: false`. One that asks waits for a person; with `dryRun` nothing waits and nothing is done, and the result says what would be.',
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
      attachments: z.array(attachmentRefSchema).optional(),
      decision: decisionSchema.optional(),
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
  'tools.history': {
    summary:
      'A page of the runs of tools, newest first, those among them that were not allowed: kept for 30 days. `before` is the `nextCursor` of the page before.',
    payload: z.object({
      sessionId: idSchema.optional(),
      toolName: z.string().min(1).max(100).optional(),
      /** `refused` for those that were not allowed, `failed` for those that ran and failed. */
      outcome: z.enum(toolOutcomes).optional(),
      before: idSchema.optional(),
      limit: z.number().int().min(1).max(200).default(50),
    }),
    reply: 'tools.history',
    result: z.object({ runs: z.array(toolRunSchema), nextCursor: z.string().nullable() }),
    scope: 'read',
    changes: false,
  },
  'tools.run': {
    summary: 'One run of a tool. Its output and what files it made are kept for a day; then the output is null.',
    payload: z.object({ invocationId: idSchema }),
    reply: 'tools.run',
    result: z.object({
      run: toolRunSchema,
      output: z.string().nullable(),
      attachments: z.array(attachmentRefSchema).optional(),
    }),
    scope: 'read',
    changes: false,
  },
} as const satisfies Record<string, RequestRow>
