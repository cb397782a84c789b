import { type ErrorCode, TalonError } from '../../protocol/errors.ts'
import type { EventPayload } from '../../protocol/messages.ts'
import type { ToolDecision } from '../../protocol/shapes.ts'
import type { AttachmentRef } from '../attachments.ts'
import type { Log } from '../log.ts'
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

/** What it acts with. */
export interface Surroundings {
  app: ToolApp
  /** Names the run in each of its lines. Made when it is asked for, because most runs write none. */
  logOf: () => Log
}

/** What a tool did, and whether its answer is text of others. */
export interface Performed {
  outcome: ToolOutcome
  taints: boolean
}

/** Lets a tool act within its time and its room for output; whatever it throws becomes a result. */
export async function perform(
  { app, logOf }: Surroundings,
  job: Job,
  emit: (payload: EventPayload<'tool.stream'>) => void,
): Promise<Performed> {
  const { tool, bound, stop, input, timeoutMs } = job
  // Most tools show nothing while they run.
  let shown: OutputStream | undefined
  const stream = (name: StreamName, chunk: string) => {
    shown ??= createOutputStream(app.clock, (from, text) => emit(streamPayload(job, from, text)))
    shown.add(name, chunk)
  }
  const context = contextOf(app, job, stream)
  const act = (): Promise<ToolAnswer> => (input.dryRun ? bound.dryRun(context) : bound.run(context))
  const startedAt = app.clock.monotonic()
  const timer = setTimeout(() => stop.abort(timedOut(tool.name, timeoutMs)), timeoutMs)
  const answer = await settled(act, stop.signal).catch(error => failureOf(error, logOf, job))
  clearTimeout(timer)
  shown?.end()
  const durationMs = Math.round(app.clock.monotonic() - startedAt)
  const outcome = outcomeOf(answer, job, durationMs, context.maxOutputBytes)
  if (app.log.isOn('debug')) logOf().debug({ success: outcome.success, durationMs }, 'A tool ran')
  const ofAnswer = typeof answer === 'string' ? undefined : answer.taints
  return { outcome, taints: !input.dryRun && (ofAnswer ?? tool.taints) }
}

/** Field by field, because a copy by spreading costs a run more than most tools. */
function contextOf(app: ToolApp, job: Job, stream: ToolContext['stream']): ToolContext {
  const { invocationId, input, permit, bound, stop } = job
  return {
    config: app.config,
    workspace: app.workspace,
    roots: app.roots,
    clock: app.clock,
    newId: app.newId,
    store: app.store,
    scopesOf: app.scopesOf,
    sandbox: app.sandbox,
    processes: app.processes,
    network: app.network,
    reader: app.reader,
    compute: app.compute,
    trash: app.trash,
    attachments: app.attachments,
    browser: app.browser,
    agents: app.agents,
    schedules: app.schedules,
    scratch: app.scratch,
    signal: stop.signal,
    invocationId,
    sessionId: input.sessionId,
    runId: input.runId,
    tokenId: input.tokenId,
    tainted: permit.standing.tainted,
    profile: permit.standing.profile,
    maxOutputBytes: app.config['tools.maxOutputBytes'],
    subject: bound.subject,
    stream,
  }
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

function failureOf(error: unknown, logOf: () => Log, { stop }: Job): ToolAnswer {
  const reason: unknown = stop.signal.aborted ? stop.signal.reason : error
  if (reason instanceof TalonError) return { output: '', error: reason.message, code: reason.code }
  logOf().error({ err: reason }, 'A tool failed in a way that nobody foresaw')
  return { output: '', error: 'Internal error.', code: 'INTERNAL' }
}

/** What the work settles with; once the signal has aborted it has a grace to end, then the signal's reason is thrown. */
function settled<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    let timer: NodeJS.Timeout | undefined
    const onAbort = () => {
      timer = setTimeout(() => reject(signal.reason), settleGraceMs)
    }
    const leave = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    act().then(
      answer => {
        leave()
        resolve(answer)
      },
      error => {
        leave()
        reject(error)
      },
    )
  })
}
