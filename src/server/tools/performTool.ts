import { type ErrorCode, TalonError } from '../../protocol/errors.ts'
import type { EventPayload } from '../../protocol/messages.ts'
import type { ToolDecision } from '../../protocol/shapes.ts'
import type { AttachmentRef } from '../attachments.ts'
import type { ToolOutcome, ToolRunInput } from '../record.ts'
import type { Permit, ToolCall } from './judge.ts'
import { capOutput } from './output.ts'
import { createOutputStream, type OutputStream, type StreamName } from './outputStream.ts'
import type { ToolAnswer, ToolApp, ToolContext } from './tool.ts'

/** The longest time that any run may take, whatever a caller asks for. */
export const maxTimeoutMs = 600_000
/** How long a tool that was stopped may take to end what it started, before the caller gets its answer without it. */
const settleGraceMs = 5_000
const maxErrorBytes = 4_096

/** A run that may begin: its arguments are right and it is allowed. */
export interface Job extends ToolCall {
  permit: Permit
  timeoutMs: number
  stop: AbortController
}

/** What a tool did, and whether its answer is text of others. */
export interface Performed {
  outcome: ToolOutcome
  taints: boolean
}

/** Lets a tool act within its time and its room for output; whatever it throws becomes a result. */
export async function perform(
  app: ToolApp,
  job: Job,
  emit: (payload: EventPayload<'tool.stream'>) => void,
): Promise<Performed> {
  const { tool, bound, stop, invocationId, input, timeoutMs } = job
  const maxOutputBytes = app.config['tools.maxOutputBytes']
  const { sessionId, runId, tokenId } = input
  const about = {
    invocationId,
    sessionId,
    runId,
    tokenId,
    maxOutputBytes,
    tainted: job.permit.standing.tainted,
    subject: bound.subject,
  }
  // Most tools show nothing while they run.
  let shown: OutputStream | undefined
  const stream = (name: StreamName, chunk: string) => {
    shown ??= createOutputStream(app.clock, (from, text) => emit(streamPayload(job, from, text)))
    shown.add(name, chunk)
  }
  const context: ToolContext = { ...app, ...about, signal: stop.signal, stream }
  const act = (): Promise<ToolAnswer> => (input.dryRun ? bound.dryRun(context) : bound.run(context))
  const startedAt = app.clock.monotonic()
  const timer = setTimeout(() => stop.abort(timedOut(tool.name, timeoutMs)), timeoutMs)
  const answer = await settled(act, stop.signal).catch(error => failureOf(error, app, job))
  clearTimeout(timer)
  shown?.end()
  const durationMs = Math.round(app.clock.monotonic() - startedAt)
  const outcome = outcomeOf(answer, job, durationMs, maxOutputBytes)
  app.log.debug({ success: outcome.success, durationMs }, 'A tool ran')
  const ofAnswer = typeof answer === 'string' ? undefined : answer.taints
  return { outcome, taints: !input.dryRun && (ofAnswer ?? tool.taints) }
}

function streamPayload({ invocationId, input }: Job, stream: StreamName, chunk: string): EventPayload<'tool.stream'> {
  const { sessionId, runId, callId } = input
  return {
    invocationId,
    stream,
    chunk,
    ...(sessionId !== undefined && { sessionId }),
    ...(runId !== undefined && { runId }),
    ...(callId !== undefined && { callId }),
  }
}

/** The result of a run that did not begin. */
export function refusal(
  input: ToolRunInput,
  invocationId: string,
  decision: ToolDecision,
  why: TalonError,
): ToolOutcome {
  const failed = { success: false, output: '', error: why.message, code: why.code, durationMs: 0, truncated: false }
  return { ...nameOf(input, invocationId), ...failed, decision }
}

/** Which run a result is of. */
export function nameOf(
  { toolName, dryRun }: ToolRunInput,
  invocationId: string,
): Pick<ToolOutcome, 'toolName' | 'invocationId' | 'dryRun'> {
  return dryRun ? { toolName, invocationId, dryRun } : { toolName, invocationId }
}

export function cancelled(toolName: string): TalonError {
  return new TalonError('CANCELLED', `${toolName} was cancelled.`)
}

function timedOut(toolName: string, timeoutMs: number): TalonError {
  const advice = `Ask for less, or allow more by timeoutMs (at most ${maxTimeoutMs})`
  return new TalonError('TIMEOUT', `${toolName} did not end within ${timeoutMs} ms and was stopped. ${advice}.`)
}

function outcomeOf(answer: ToolAnswer, job: Job, durationMs: number, maxOutputBytes: number): ToolOutcome {
  const { output, error, code, attachments } = typeof answer === 'string' ? { output: answer } : answer
  const capped = capOutput(output, maxOutputBytes)
  const { truncated } = capped
  const text = withMentions(capped.text, attachments)
  const begin = nameOf(job.input, job.invocationId)
  const made = attachments === undefined ? {} : { attachments }
  const end = { durationMs, truncated, ...made, decision: job.permit.decision }
  if (error === undefined) return { ...begin, success: true, output: text, ...end }
  const shown = capOutput(error, maxErrorBytes).text
  return {
    ...begin,
    success: false,
    output: text,
    error: shown,
    code: code ?? ('INTERNAL' satisfies ErrorCode),
    ...end,
  }
}

/** The log of a session keeps texts only: so that whoever reads it finds the files. */
function withMentions(output: string, attachments: readonly AttachmentRef[] = []): string {
  const lines = attachments.map(({ id, name, mime, bytes }) => `[attachment:${id} ${name}, ${mime}, ${bytes} bytes]`)
  return [output, ...lines].join('\n')
}

function failureOf(error: unknown, app: ToolApp, { stop }: Job): ToolAnswer {
  const reason: unknown = stop.signal.aborted ? stop.signal.reason : error
  if (reason instanceof TalonError) return { output: '', error: reason.message, code: reason.code }
  app.log.error({ err: reason }, 'A tool failed in a way that nobody foresaw')
  return { output: '', error: 'Internal error.', code: 'INTERNAL' }
}

/** What the work settles with; once the signal has aborted it has a grace to end, then the signal's reason is thrown. */
async function settled<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let timer: NodeJS.Timeout | undefined
  let onAbort = () => {}
  const abandoned = new Promise<never>((_, reject) => {
    onAbort = () => {
      timer = setTimeout(() => reject(signal.reason), settleGraceMs)
    }
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([act(), abandoned])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
