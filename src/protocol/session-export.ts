import * as z from 'zod'
import {
  configSchema,
  forkedFromSchema,
  idSchema,
  messageSchema,
  roles,
  sessionStates,
  shortText,
  titleSchema,
  toolCallSchema,
  usageSchema,
} from './shapes.ts'

/** What the first two members of an exported session say. */
export const exportFormat = 'talon.session'
export const exportVersion = 1

const time = z.number().int()
const count = z.number().int().min(0)
const text = z.string().min(1)
// An epoch is a reset by hand; each costs a read when a session is exported.
const maxEpoch = 100_000
/** As JSON: what fits into the frame of a `session.update`. */
export const maxConfigLength = 1024 * 1024

/** One message of an exported session; its place follows from the order. */
export const exportedMessageSchema = messageSchema.extend({
  id: text,
  seq: count.optional(),
  role: z.enum(roles),
  toolCalls: z.array(toolCallSchema).optional(),
  timestamp: time,
  /** The last entry of a run. */
  final: z.boolean().optional(),
  /** The id that it had before an import gave it another. */
  legacyId: z.string().optional(),
  /** What an import found and had no place for. */
  legacy: configSchema.optional(),
})

/** An exported session without its messages. What only follows from them, and what an import may leave out, is optional. */
export const exportedSessionSchema = z.object({
  id: text.max(1_000).transform(id => id.toWellFormed()),
  senderId: idSchema,
  channel: idSchema,
  title: titleSchema.nullable(),
  state: z.enum(sessionStates).optional(),
  messageCount: count.optional(),
  createdAt: time,
  lastActiveAt: time,
  model: shortText.nullable(),
  senderName: shortText.nullable().optional(),
  groupId: idSchema.nullable().optional(),
  memorySummary: z.string().nullable().optional(),
  /** Newest entry of the current epoch that the summary stands for. */
  summaryThroughSeq: count.nullable().optional(),
  config: configSchema.refine(isShort, { error: `must have at most ${maxConfigLength} characters of JSON` }).optional(),
  epoch: z.number().int().min(1).max(maxEpoch).optional(),
  seq: count.optional(),
  forkedFrom: forkedFromSchema.extend({ epoch: count, seq: count }).nullable().optional(),
  usage: usageSchema.extend({ inputTokens: count, outputTokens: count, totalTokens: count, runs: count }).optional(),
  legacy: configSchema.nullable().optional(),
})

export const exportedEpochSchema = z.number().int().min(1).max(maxEpoch)

export type ExportedMessage = z.infer<typeof exportedMessageSchema>
export type ExportedSession = z.infer<typeof exportedSessionSchema>

function isShort(config: Record<string, unknown>): boolean {
  return JSON.stringify(config).length <= maxConfigLength
}
