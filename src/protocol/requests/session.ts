import * as z from 'zod'
import {
  configSchema,
  delegateRoles,
  forkedFromSchema,
  idSchema,
  messageSchema,
  profiles,
  runSchema,
  searchHitSchema,
  sessionItemSchema,
  sessionSchema,
  sessionStates,
  shortText,
  titleSchema,
} from '../shapes.ts'
import { acceptedSchema } from './accepted.ts'
import type { RequestRow } from './row.ts'

const ofSession = z.object({ sessionId: idSchema })
const position = z.number().int().min(0)
/** Whose sub-run a session was made for: in which role, how deep, by which session and run. */
const delegation = z.object({
  role: z.enum(delegateRoles),
  depth: z.number(),
  parentSessionId: z.string().nullable(),
  parentRunId: z.string().nullable(),
})

/** What is about one session or their list. */
export const sessionRequests = {
  'session.create': {
    summary:
      'Makes a session and subscribes this connection to it. A `profile` above the default needs the scope `approve`.',
    payload: z.object({
      senderId: idSchema,
      channel: idSchema,
      senderName: shortText.optional(),
      title: titleSchema.optional(),
      model: shortText.optional(),
      config: configSchema.optional(),
      profile: z.enum(profiles).optional(),
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
    summary:
      'A page of sessions by their last activity, the `newest` or the `oldest` first; `watch` subscribes this connection to changes of the list. With `deleted` those that can still be restored, the newest deletion first, each with `deletedAt`; then no other filter counts.',
    payload: z.object({
      limit: z.number().int().min(1).max(200).default(50),
      cursor: z.string().max(200).optional(),
      channel: idSchema.optional(),
      state: z.enum(sessionStates).optional(),
      senderId: idSchema.optional(),
      query: shortText.optional(),
      order: z.enum(['newest', 'oldest']).optional(),
      deleted: z.boolean().optional(),
      watch: z.boolean().optional(),
    }),
    reply: 'session.list',
    result: z.object({
      sessions: z.array(sessionItemSchema.extend({ deletedAt: z.number().optional() })),
      nextCursor: z.string().nullable(),
    }),
    scope: 'read',
    changes: false,
  },
  'session.get': {
    summary:
      'One session in full, without its messages; `elevatedUntil` says until when its profile is "full", `delegation` who asked for the sub-run that it was made for.',
    payload: ofSession,
    reply: 'session.get',
    result: z.object({
      session: sessionSchema.extend({ elevatedUntil: z.number().nullable(), delegation: delegation.nullable() }),
    }),
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
  'session.search': {
    summary:
      'Finds messages of all sessions (or one) and titles, best first: words, "phrases", prefix*, -word, OR, and the filters role: channel: session: before: after:.',
    payload: z.object({
      query: z.string().max(1000),
      sessionId: idSchema.optional(),
      limit: z.number().int().min(1).max(100).default(20),
    }),
    reply: 'session.search',
    result: z.object({ hits: z.array(searchHitSchema), unindexed: z.number() }),
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
    summary:
      'Changes title, model, config or profile (how much tools may do) of a session. A higher profile needs the scope `approve`.',
    payload: z.object({
      sessionId: idSchema,
      title: titleSchema.nullable().optional(),
      model: shortText.nullable().optional(),
      config: configSchema.optional(),
      profile: z.enum(profiles).nullable().optional(),
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
  'session.fork': {
    summary:
      'Makes a session that begins with the entries 1 to `atSeq` of another, and subscribes this connection to it.',
    payload: z.object({
      sessionId: idSchema,
      atSeq: position,
      epoch: position.optional(),
      title: titleSchema.optional(),
    }),
    reply: 'session.created',
    result: z.object({
      sessionId: z.string(),
      senderId: z.string(),
      channel: z.string(),
      title: z.string().nullable(),
      createdAt: z.number(),
      forkedFrom: forkedFromSchema,
    }),
    scope: 'chat',
    changes: true,
  },
} as const satisfies Record<string, RequestRow>
