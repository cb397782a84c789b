import * as z from 'zod'
import { idSchema, profiles, runStates } from '../shapes.ts'
import type { RequestRow } from './row.ts'

const maxTextLength = 16_000
const maxNameLength = 100

const lastRun = z.object({
  /** The time that it was for. */
  dueAt: z.number(),
  startedAt: z.number(),
  cause: z.enum(['due', 'catch-up', 'manual']),
  sessionId: z.string(),
  runId: z.string(),
  /** Null where it was erased with its session. */
  state: z.enum(runStates).nullable(),
  error: z.string().nullable(),
})

/** A schedule as it is shown. */
export const scheduleSchema = z.object({
  id: z.string(),
  name: z.string(),
  /** Five fields; null where it comes once, at `onceAt`. */
  cron: z.string().nullable(),
  onceAt: z.number().nullable(),
  timezone: z.string(),
  text: z.string(),
  /** Null for a new session each time. */
  sessionId: z.string().nullable(),
  /** The token that added it, with whose rights its messages are sent. */
  tokenId: z.string(),
  /** The most that tools may do in its runs. */
  profile: z.enum(profiles),
  /** Whether text of others was in the conversation that it was added in. */
  tainted: z.boolean(),
  createdAt: z.number(),
  /** Null where it comes no more. */
  nextAt: z.number().nullable(),
  /** Why it is paused; null where it is not. */
  paused: z.string().nullable(),
  /** Times that no run followed, and the newest of them, oldest first. */
  missed: z.number(),
  missedAt: z.array(z.number()),
  lastRun: lastRun.nullable(),
})

const ofSchedule = z.object({ scheduleId: idSchema })
const schedule = z.object({ schedule: scheduleSchema })

/** What is about what comes by the clock. */
export const scheduleRequests = {
  'schedule.list': {
    summary: 'Everything that is scheduled, oldest first.',
    payload: z.object({}),
    reply: 'schedule.list',
    result: z.object({ schedules: z.array(scheduleSchema) }),
    scope: 'read',
    changes: false,
  },
  'schedule.get': {
    summary: 'One schedule with its newest runs, newest first.',
    payload: ofSchedule,
    reply: 'schedule.get',
    result: schedule.extend({ runs: z.array(lastRun) }),
    scope: 'read',
    changes: false,
  },
  'schedule.add': {
    summary:
      'Schedules a message to the agent: `cron` (five fields) or `at` (ISO 8601, or Unix ms), in `timezone`; into `sessionId`, or each time into a new session. Its runs have the rights of your token. It needs the scope `chat` too.',
    payload: z.object({
      text: z.string().min(1).max(maxTextLength),
      cron: z.string().min(1).max(200).optional(),
      at: z.union([z.string().min(1).max(100), z.number().int().min(0).max(8.64e15)]).optional(),
      timezone: z.string().min(1).max(100).optional(),
      name: z.string().min(1).max(maxNameLength).optional(),
      sessionId: idSchema.optional(),
    }),
    reply: 'schedule.added',
    result: schedule,
    scope: 'tools',
    changes: true,
  },
  'schedule.remove': {
    summary: 'Removes a schedule. It needs the scope `chat` too.',
    payload: ofSchedule,
    reply: 'schedule.removed',
    result: z.object({ scheduleId: z.string() }),
    scope: 'tools',
    changes: true,
  },
  'schedule.pause': {
    summary: 'Pauses a schedule, or lets it go on with `paused: false`. It needs the scope `chat` too.',
    payload: ofSchedule.extend({ paused: z.boolean() }),
    reply: 'schedule.paused',
    result: schedule,
    scope: 'tools',
    changes: true,
  },
  'schedule.run': {
    summary: 'Sends the message of a schedule now, beside its times. It needs the scope `chat` too.',
    payload: ofSchedule,
    reply: 'schedule.started',
    result: z.object({ scheduleId: z.string(), sessionId: z.string(), runId: z.string() }),
    scope: 'tools',
    changes: true,
  },
} as const satisfies Record<string, RequestRow>
