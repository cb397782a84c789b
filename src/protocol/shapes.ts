import * as z from 'zod'

/** What a token may do; none implies another. */
export const scopes = ['read', 'chat', 'tools', 'approve', 'admin', 'metrics'] as const
export type Scope = (typeof scopes)[number]

/** How much tools may do, from the least to the most. */
export const profiles = ['read-only', 'ask', 'workspace', 'full'] as const
export type Profile = (typeof profiles)[number]

/** What a sub-run can be made for; each has its own prompt and tools. */
export const delegateRoles = ['research', 'writer', 'planner', 'critic', 'summarizer'] as const
export type DelegateRole = (typeof delegateRoles)[number]

// 128 characters hold a UUID or any sane name and keep an index row small.
export const maxIdLength = 128
export const maxShortLength = 200
export const maxTitleLength = 500
export const idSchema = z.string().min(1).max(maxIdLength)
export const shortText = z.string().max(maxShortLength)
export const titleSchema = z.string().max(maxTitleLength)
export const configSchema = z.record(z.string(), z.unknown())

export const roles = ['user', 'assistant', 'system', 'tool'] as const
export const sessionStates = ['created', 'active', 'idle'] as const
/** How a run of a tool ended, or that it has not. */
export const toolOutcomes = ['succeeded', 'failed', 'refused', 'running'] as const
export const runStates = ['queued', 'running', 'done', 'failed', 'cancelled', 'interrupted'] as const

export const usageSchema = z.object({
  inputTokens: z.number(),
  outputTokens: z.number(),
  totalTokens: z.number(),
})

export const toolCallSchema = z.object({ id: z.string(), name: z.string(), args: configSchema })

/** One stored message: one entry of a session's log. */
export const messageSchema = z.object({
  id: z.string(),
  seq: z.number(),
  role: z.enum(roles),
  content: z.string(),
  toolCalls: z.array(toolCallSchema).optional(),
  toolCallId: z.string().optional(),
  senderName: z.string().optional(),
  runId: z.string().optional(),
  model: z.string().optional(),
  usage: usageSchema.optional(),
  incomplete: z.boolean().optional(),
  timestamp: z.number(),
})

/** One row of `session.list`. */
export const sessionItemSchema = z.object({
  id: z.string(),
  senderId: z.string(),
  channel: z.string(),
  title: z.string().nullable(),
  state: z.enum(sessionStates),
  messageCount: z.number(),
  createdAt: z.number(),
  lastActiveAt: z.number(),
  model: z.string().nullable(),
})

/** Where a session begins that was made of another: with the entries 1 to `seq` of that epoch. */
export const forkedFromSchema = z.object({ sessionId: z.string(), epoch: z.number(), seq: z.number() })

/** Where a search found something. The first three are null where it was the title of a session. */
export const searchHitSchema = z.object({
  messageId: z.string().nullable(),
  epoch: z.number().nullable(),
  seq: z.number().nullable(),
  sessionId: z.string(),
  role: z.enum([...roles, 'title']),
  snippet: z.string(),
  /** Where in the snippet the words stand: pairs of UTF-16 offsets. */
  marks: z.array(z.tuple([z.number(), z.number()])),
  rank: z.number(),
  timestamp: z.number(),
  title: z.string().nullable(),
  channel: z.string(),
})

/** A session in full, without its messages. */
export const sessionSchema = sessionItemSchema.extend({
  senderName: z.string().nullable(),
  memorySummary: z.string().nullable(),
  config: configSchema,
  epoch: z.number(),
  seq: z.number(),
  forkedFrom: forkedFromSchema.nullable(),
  /** How much tools may do in it; null for what `tools.profile` says. */
  profile: z.enum(profiles).nullable(),
  /** Whether text of others is in its current epoch. */
  tainted: z.boolean(),
})

export const runSchema = z.object({ runId: z.string(), state: z.enum(runStates) })

/** A tool as `tools.list` shows it; `parameters` is JSON Schema. */
export const toolSchema = z.object({
  name: z.string(),
  description: z.string(),
  parameters: configSchema,
  group: z.string(),
  permission: z.enum(['safe', 'write', 'exec', 'network']),
  available: z.boolean(),
  reason: z.string().optional(),
})

/** A file that a tool made for people: `GET /api/v1/attachments/<id>`. */
export const attachmentRefSchema = z.object({ id: z.string(), name: z.string(), mime: z.string(), bytes: z.number() })

/** What was decided about a run of a tool: `ask` means that it would ask, or that nobody allowed it. */
export const decisionSchema = z.object({
  allowed: z.boolean(),
  rule: z.string(),
  outcome: z.enum(['allow', 'ask', 'deny']).optional(),
  why: z.string().optional(),
  /** The token that allowed or denied it. */
  by: z.string().optional(),
})

export type Usage = z.infer<typeof usageSchema>
export type ToolCall = z.infer<typeof toolCallSchema>
export type Message = z.infer<typeof messageSchema>
export type SearchHit = z.infer<typeof searchHitSchema>
export type SessionItem = z.infer<typeof sessionItemSchema>
export type Session = z.infer<typeof sessionSchema>
export type RunState = (typeof runStates)[number]
export type ToolOutcomeName = (typeof toolOutcomes)[number]
export type Role = (typeof roles)[number]
export type SessionState = (typeof sessionStates)[number]
export type ToolInfo = z.infer<typeof toolSchema>
export type ToolDecision = z.infer<typeof decisionSchema>
