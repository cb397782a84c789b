import * as z from 'zod'
import { errorCodes } from './errors.ts'
import { approvalSchema } from './requests/approvals.ts'
import { logEntrySchema } from './requests/logs.ts'
import { metricsSampleSchema } from './requests/metrics.ts'
import {
  attachmentRefSchema,
  decisionSchema,
  forkedFromSchema,
  messageSchema,
  runStates,
  sessionSchema,
  usageSchema,
} from './shapes.ts'

/** One event: what it carries, and whether it is an entry of a session's log (then it has `epoch` and `seq`). */
export interface EventRow {
  summary: string
  payload: z.ZodType
  logged: boolean
}

const ofRun = { sessionId: z.string(), runId: z.string() }
const codes = Object.keys(errorCodes)
const errorSchema = z.object({
  // The keys of the error table are strings by construction; zod wants the tuple form.
  code: z.enum(codes as [string, ...string[]]),
  status: z.number(),
  error: z.string(),
  retryable: z.boolean(),
  retryAfterMs: z.number().optional(),
  details: z.unknown().optional(),
  supported: z.array(z.string()).optional(),
})

/** Everything that the gateway says unasked, by its type on the wire. */
export const events = {
  'session.message': {
    summary: 'A stored message: of a user, of a tool, or of the assistant while it still calls tools.',
    payload: z.object({ sessionId: z.string(), message: messageSchema }),
    logged: true,
  },
  'session.message.delta': {
    summary: 'The next piece of an answer that is being written; `index` counts the pieces of the run from 0.',
    payload: z.object({ ...ofRun, delta: z.string(), index: z.number() }),
    logged: false,
  },
  'session.message.snapshot': {
    summary: 'The text of an unfinished answer so far; `index` is that of the last piece in it, -1 before the first.',
    payload: z.object({ ...ofRun, text: z.string(), index: z.number() }),
    logged: false,
  },
  'session.message.final': {
    summary: 'The last entry of a run: the whole answer, as it is stored.',
    payload: z.object({
      ...ofRun,
      message: messageSchema,
      usage: usageSchema.optional(),
      model: z.string().optional(),
      incomplete: z.boolean().optional(),
    }),
    logged: true,
  },
  'tool.call': {
    summary: 'The model calls a tool.',
    payload: z.object({ ...ofRun, callId: z.string(), toolName: z.string(), args: z.record(z.string(), z.unknown()) }),
    logged: false,
  },
  'tool.result': {
    summary: 'What a tool of a run answered.',
    payload: z.object({
      ...ofRun,
      callId: z.string(),
      toolName: z.string(),
      success: z.boolean(),
      output: z.string(),
      error: z.string().optional(),
      durationMs: z.number(),
      attachments: z.array(attachmentRefSchema).optional(),
      invocationId: z.string().optional(),
      decision: decisionSchema.optional(),
    }),
    logged: false,
  },
  'tool.stream': {
    summary:
      'Output of a tool that still runs, to the connection that asked and to subscribers of the session. What comes too fast is left out, as it says then; the result has all of it.',
    payload: z.object({
      invocationId: z.string(),
      stream: z.enum(['stdout', 'stderr']),
      chunk: z.string(),
      sessionId: z.string().optional(),
      runId: z.string().optional(),
      callId: z.string().optional(),
    }),
    logged: false,
  },
  'approval.requested': {
    summary:
      'A call of a tool waits for a person; to every connection with the scope `approve`, without a subscription. Those that wait already follow `welcome`.',
    payload: approvalSchema,
    logged: false,
  },
  'approval.resolved': {
    summary: 'It waits no longer, to the same connections. `withdrawn` means that nobody wants it any more.',
    payload: z.object({
      approvalId: z.string(),
      decision: z.enum(['allow', 'deny']),
      outcome: z.enum(['allowed', 'denied', 'expired', 'withdrawn']),
      by: z.string().optional(),
      remember: z.enum(['session', 'always']).optional(),
    }),
    logged: false,
  },
  'run.started': {
    summary: 'A run began to work.',
    payload: z.object({ ...ofRun, state: z.enum(runStates) }),
    logged: false,
  },
  'run.finished': {
    summary: 'A run ended.',
    payload: z.object({
      ...ofRun,
      state: z.enum(runStates),
      error: z.string().optional(),
      usage: usageSchema.optional(),
    }),
    logged: false,
  },
  'budget.warning': {
    summary: 'A run of this session brought a budget to four fifths of its limit or beyond; told once.',
    payload: z.object({
      ...ofRun,
      budget: z.string(),
      unit: z.string(),
      limit: z.number(),
      spent: z.number(),
      resetsAt: z.number().nullable(),
      message: z.string(),
    }),
    logged: false,
  },
  'session.created': {
    summary: 'A session was made; to connections that watch the list.',
    payload: z.object({
      sessionId: z.string(),
      senderId: z.string(),
      channel: z.string(),
      title: z.string().nullable(),
      createdAt: z.number(),
      forkedFrom: forkedFromSchema.optional(),
    }),
    logged: false,
  },
  'session.updated': {
    summary: 'A session changed; to connections that watch the list.',
    payload: z.object({ session: sessionSchema }),
    logged: false,
  },
  'session.deleted': {
    summary: 'A session was deleted; to connections that watch the list and to its subscribers.',
    payload: z.object({ sessionId: z.string() }),
    logged: false,
  },
  'session.resumed': {
    summary:
      'A subscription goes on: for each entry of `hello.resume`, and to the subscribers of a session that was reset.',
    payload: z.object({
      sessionId: z.string(),
      epoch: z.number(),
      seq: z.number(),
      reset: z.boolean(),
      replayed: z.number(),
      run: z.object({ runId: z.string(), state: z.enum(runStates) }).nullable(),
    }),
    logged: false,
  },
  'config.updated': {
    summary:
      'The first frame of every connection, with `message` alone; then, to connections with the scope `admin`, what each change of the settings did.',
    payload: z.object({
      message: z.string(),
      hash: z.string().optional(),
      changed: z.array(z.string()).optional(),
      restartRequired: z.array(z.string()).optional(),
      confirmBy: z.number().optional(),
    }),
    logged: false,
  },
  'logs.entry': {
    summary: 'A line of the log: its number, time (ISO 8601), level and message, and whatever fields it has.',
    payload: logEntrySchema,
    logged: false,
  },
  'logs.dropped': {
    summary: 'So many lines of the log passed before this connection could take them.',
    payload: z.object({ count: z.number() }),
    logged: false,
  },
  'metrics.sample': {
    summary:
      'Figures of the gateway: rates, errors and quantiles of the time that requests took since the sample before (null where there were none), and what is now. A reader that is too slow misses samples.',
    payload: metricsSampleSchema,
    logged: false,
  },
  'gateway.draining': {
    summary: 'The gateway is about to stop: no new work is taken, connections close with 1012.',
    payload: z.object({ restartExpectedMs: z.number() }),
    logged: false,
  },
  error: {
    summary: 'A request could not be served, or a frame could not be read.',
    payload: errorSchema,
    logged: false,
  },
  'session.error': {
    summary: 'A session that does not exist, or a run that failed.',
    payload: errorSchema.extend({ sessionId: z.string(), runId: z.string().optional() }),
    logged: false,
  },
} as const satisfies Record<string, EventRow>
