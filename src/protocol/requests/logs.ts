import * as z from 'zod'
import type { RequestRow } from './row.ts'

const empty = z.object({})

/** From the lowest. */
export const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

/** Which lines of the log somebody wants to see. */
export const logFilterSchema = z.object({
  level: z.enum(levels).optional(),
  text: z.string().max(200).optional(),
  field: z
    .string()
    .max(300)
    .regex(/^[^=\s]+=./, 'must be a name and its value, such as requestId=…')
    .optional(),
  after: z.number().int().min(0).optional(),
})

/**
 * One line of the log. Whatever fields a line has are in it too, which its type does not say: it would be the type of
 * any event then, and a reader checks them anyway.
 */
export const logEntrySchema: z.ZodType<{ seq: number; time: string; level: string; msg: string }> = z.looseObject({
  seq: z.number(),
  time: z.string(),
  level: z.string(),
  msg: z.string(),
})

/** What is about the log of the gateway itself. */
export const logRequests = {
  'logs.subscribe': {
    summary:
      'Sends lines of the log to this connection, in the place of what an earlier one asked for: those after `after` that are kept (the newest 2,000), then live; without `after` only new ones. `level` is the lowest, `text` stands in the line in any case, `field` (`name=value`) is a field of it. `bootId` names the start that `after` is of: the lines of another start begin anew.',
    payload: logFilterSchema.extend({ bootId: z.string().max(64).optional() }),
    reply: 'logs.subscribed',
    result: z.object({ after: z.number(), dropped: z.number(), bootId: z.string() }),
    scope: 'admin',
    changes: false,
  },
  'logs.unsubscribe': {
    summary: 'Ends that.',
    payload: empty,
    reply: 'logs.unsubscribed',
    result: empty,
    scope: 'admin',
    changes: false,
  },
} as const satisfies Record<string, RequestRow>
