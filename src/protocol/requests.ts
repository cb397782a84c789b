import * as z from 'zod'
import {
  configSchema,
  idSchema,
  messageSchema,
  runSchema,
  type Scope,
  scopes,
  sessionItemSchema,
  sessionSchema,
  sessionStates,
  shortText,
  titleSchema,
  toolSchema,
} from './shapes.ts'

/** One request: what it carries, what answers it, which scope it needs, whether it changes something. */
export interface RequestRow {
  summary: string
  payload: z.ZodType
  reply: string
  result: z.ZodType
  scope: Scope | null
  changes: boolean
}

const empty = z.object({})
const ofSession = z.object({ sessionId: idSchema })
const position = z.number().int().min(0)

export const acceptedSchema = z.object({
  sessionId: z.string(),
  messageId: z.string(),
  epoch: z.number(),
  seq: z.number(),
  runId: z.string(),
  duplicate: z.boolean(),
})

/** Everything that a client can ask, by its type on the wire. A new request is one entry here and one handler file. */
export const requests = {
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
  'session.create': {
    summary: 'Makes a session and subscribes this connection to it.',
    payload: z.object({
      senderId: idSchema,
      channel: idSchema,
      senderName: shortText.optional(),
      title: titleSchema.optional(),
      model: shortText.optional(),
      config: configSchema.optional(),
    }),
    reply: 'session.created',
    result: z.object({
      sessionId: z.string(),
      senderId: z.string(),
      channel: z.string(),
      title: z.string().nullable(),
      createdAt: z.number(),
    }),
    scope: 'chat',
    changes: true,
  },
  'session.list': {
    summary: 'A page of sessions, newest activity first; `watch` subscribes this connection to changes of the list.',
    payload: z.object({
      limit: z.number().int().min(1).max(200).default(50),
      cursor: z.string().max(200).optional(),
      channel: idSchema.optional(),
      state: z.enum(sessionStates).optional(),
      senderId: idSchema.optional(),
      query: shortText.optional(),
      watch: z.boolean().optional(),
    }),
    reply: 'session.list',
    result: z.object({ sessions: z.array(sessionItemSchema), nextCursor: z.string().nullable() }),
    scope: 'read',
    changes: false,
  },
  'session.get': {
    summary: 'One session in full, without its messages.',
    payload: ofSession,
    reply: 'session.get',
    result: z.object({ session: sessionSchema }),
    scope: 'read',
    changes: false,
  },
  'session.history': {
    summary: 'A page of a log in ascending order: upward from `after`, else the newest before `before`.',
    payload: z.object({
      sessionId: idSchema,
      epoch: position.optional(),
      after: position.optional(),
      before: position.optional(),
      limit: z.number().int().min(1).max(1000).default(100),
    }),
    reply: 'session.history',
    result: z.object({
      sessionId: z.string(),
      epoch: z.number(),
      messages: z.array(messageSchema),
      hasMore: z.boolean(),
    }),
    scope: 'read',
    changes: false,
  },
  'session.subscribe': {
    summary: 'Replays what is missing of a log, then sends it live: without gap, without duplicate, in order.',
    payload: z.object({ sessionId: idSchema, epoch: position.optional(), after: position.optional() }),
    reply: 'session.resumed',
    result: z.object({
      sessionId: z.string(),
      epoch: z.number(),
      seq: z.number(),
      reset: z.boolean(),
      replayed: z.number(),
      run: runSchema.nullable(),
    }),
    scope: 'read',
    changes: false,
  },
  'session.unsubscribe': {
    summary: 'Ends the subscription of this connection to a session.',
    payload: ofSession,
    reply: 'session.unsubscribed',
    result: z.object({ sessionId: z.string() }),
    scope: 'read',
    changes: false,
  },
  'session.send_message': {
    summary: 'Stores a message and starts a run that answers it. The reply leaves after the commit.',
    payload: z.object({ sessionId: idSchema, text: z.string().min(1), senderName: shortText.optional() }),
    reply: 'session.accepted',
    result: acceptedSchema,
    scope: 'chat',
    changes: true,
  },
  'session.cancel': {
    summary: 'Stops the run of a session; what it had said so far is kept.',
    payload: ofSession,
    reply: 'session.cancelled',
    result: z.object({ sessionId: z.string(), runId: z.string().nullable() }),
    scope: 'chat',
    changes: false,
  },
  'session.update': {
    summary: 'Changes title, model or config of a session.',
    payload: z.object({
      sessionId: idSchema,
      title: titleSchema.nullable().optional(),
      model: shortText.nullable().optional(),
      config: configSchema.optional(),
    }),
    reply: 'session.updated',
    result: z.object({ session: sessionSchema }),
    scope: 'chat',
    changes: true,
  },
  'session.reset': {
    summary: 'Archives the history and starts a new epoch.',
    payload: ofSession,
    reply: 'session.reset',
    result: z.object({ sessionId: z.string(), success: z.boolean(), epoch: z.number() }),
    scope: 'chat',
    changes: true,
  },
  'session.delete': {
    summary: 'Hides a session at once; it is erased after 30 days and can be restored until then.',
    payload: ofSession,
    reply: 'session.deleted',
    result: z.object({ sessionId: z.string() }),
    scope: 'chat',
    changes: true,
  },
  'session.restore': {
    summary: 'Brings back a deleted session.',
    payload: ofSession,
    reply: 'session.updated',
    result: z.object({ session: sessionSchema }),
    scope: 'chat',
    changes: true,
  },
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
  'channel.message': {
    summary: "Finds or creates the sender's session (or the group's) and sends the message to it.",
    payload: z.object({
      channel: idSchema,
      senderId: idSchema,
      senderName: shortText.nullish(),
      text: z.string().min(1),
      media: z.unknown().optional(),
      isGroup: z.boolean().nullish(),
      groupId: idSchema.nullish(),
    }),
    reply: 'session.accepted',
    result: acceptedSchema,
    scope: 'chat',
    changes: true,
  },
} as const satisfies Record<string, RequestRow>
