import * as z from 'zod'
import { idSchema, scopes, shortText } from '../shapes.ts'
import type { RequestRow } from './row.ts'

const empty = z.object({})
const position = z.number().int().min(0)

/** What is about the connection and the gateway. */
export const connectionRequests = {
  hello: {
    summary: 'The first frame of a connection: who speaks, which versions, and which sessions to go on with.',
    payload: z.object({
      token: z.string().max(512).optional(),
      client: z.object({ name: shortText, version: shortText }),
      versions: z.array(z.string().max(64)).min(1).max(16),
      resume: z
        .array(z.object({ sessionId: idSchema, epoch: position, after: position }))
        .max(256)
        .optional(),
    }),
    reply: 'welcome',
    result: z.object({
      version: z.string(),
      connectionId: z.string(),
      server: z.object({ name: z.string(), version: z.string() }),
      scopes: z.array(z.enum(scopes)),
      limits: z.record(z.string(), z.number()),
      heartbeatMs: z.number(),
      deprecated: z.array(z.string()),
    }),
    scope: null,
    changes: false,
  },
  ping: {
    summary: 'Asks whether the gateway answers.',
    payload: empty,
    reply: 'pong',
    result: empty,
    scope: null,
    changes: false,
  },
  'gateway.status': {
    summary: 'How the gateway is: components, counts, uptime in seconds.',
    payload: empty,
    reply: 'gateway.status',
    result: z.object({
      status: z.enum(['ok', 'degraded']),
      version: z.string(),
      uptime: z.number(),
      timestamp: z.number(),
      components: z.record(z.string(), z.string()),
      stats: z.object({
        sessions: z.number(),
        activeSessions: z.number(),
        wsClients: z.number(),
        totalMessages: z.number(),
      }),
    }),
    scope: 'read',
    changes: false,
  },
} as const satisfies Record<string, RequestRow>
