import type { Invocation, RequestKey, Store } from '../../db/store.ts'
import { TalonError } from '../../protocol/errors.ts'
import { nearest } from '../config.ts'
import type { Bus, ToolOutcome, ToolRunInput, Tools } from '../record.ts'
import { decisionOf } from './decide.ts'
import { createJudge, type Judge, type JudgeDeps, type Permit, revoked, type ToolCall } from './judge.ts'
import { cancelled, type Job, maxTimeoutMs, nameOf, type Performed, perform, refusal } from './performTool.ts'
import { createRecorder, type Recorder } from './recorder.ts'
import { createSlots, type Slots } from './slots.ts'
import type { Tool, ToolApp } from './tool.ts'

/** Runs that wait for a slot; more are refused. */
const maxWaiting = 1_024

export type InvocationStore = Pick<
  Store,
  | 'beginInvocation'
  | 'finishInvocation'
  | 'recordRefusal'
  | 'recordEnded'
  | 'getInvocation'
  | 'findInvocation'
  | 'getHead'
  | 'getSession'
  | 'getDelegation'
  | 'runProfile'
  | 'findGrant'
  | 'hasGrant'
>

export interface RunnerDeps extends Omit<JudgeDeps, 'store'> {
  store: InvocationStore
  bus: Pick<Bus, 'emit'>
  /** Those that there are now: own tools come and go. */
  tools: () => readonly Tool[]
  /** Arguments as they may be stored. */
  keptArgs: (args: Record<string, unknown>) => Record<string, unknown>
}

/** A run that was asked for and has no result yet. */
interface Pending {
  hash: string | undefined
  stop: AbortController
  done: Promise<ToolOutcome>
}

/** Runs tools: arguments, permission, time, output, recording and repeats are dealt with here, once for all of them. */
export class ToolRunner implements Pick<Tools, 'run' | 'cancel'> {
  readonly #app: ToolApp
  readonly #store: InvocationStore
  readonly #bus: RunnerDeps['bus']
  readonly #recorder: Recorder
  readonly #judge: Judge
  readonly #tools: () => readonly Tool[]
  readonly #slots: Slots
  // Both are bounded by the slots and the places to wait for one; before that, by what connections may have in flight.
  readonly #pending = new Map<string, Pending>()
  readonly #pendingRequests = new Map<string, Pending>()

  constructor(deps: RunnerDeps) {
    const { app, store, tools } = deps
    this.#app = app
    this.#store = store
    this.#bus = deps.bus
    this.#recorder = createRecorder(deps)
    this.#judge = createJudge(deps)
    this.#tools = tools
    this.#slots = createSlots(() => app.config['tools.maxConcurrent'], maxWaiting)
  }

  /**
   * Runs a tool. A tool that fails, was refused, stopped or called wrongly is a result with `success: false`.
   * @throws TalonError `SESSION_NOT_FOUND`, `TOOL_NOT_FOUND`, `CONFLICT`, `OVERLOADED`, or what the store throws
   */
  async run(input: ToolRunInput): Promise<ToolOutcome> {
    const repeated = this.#repeatedBy(input)
    if (repeated) return { ...(await repeated.done), duplicate: true }
    // Noted from its first moment on, so that a repeat or a cancel that comes right behind it finds it.
    const key = input.request && keyOf(input.request)
    const invocationId = this.#app.newId()
    const stop = new AbortController()
    const onAbort = () => stop.abort(cancelled(input.toolName))
    if (input.signal?.aborted) onAbort()
    input.signal?.addEventListener('abort', onAbort, { once: true })
    const entry: Pending = { hash: input.request?.hash, stop, done: this.#begin(input, invocationId, stop) }
    this.#pending.set(invocationId, entry)
    if (key !== undefined) this.#pendingRequests.set(key, entry)
    try {
      return await entry.done
    } finally {
      input.signal?.removeEventListener('abort', onAbort)
      this.#pending.delete(invocationId)
      if (key !== undefined) this.#pendingRequests.delete(key)
    }
  }

  cancel(invocationId: string, tokenId?: string): boolean {
    const own =
      tokenId === undefined ? undefined : this.#pendingRequests.get(keyOf({ tokenId, requestId: invocationId }))
    const found = own ?? this.#pending.get(invocationId)
    found?.stop.abort(new TalonError('CANCELLED', 'The tool was cancelled.'))
    return found !== undefined
  }

  /** Resolves when nothing runs any more; what runs after this time is ended, and recorded like any other end. */
  async drain(graceMs: number): Promise<void> {
    const running = [...this.#pending.values()]
    const end = () => {
      for (const { stop } of running) stop.abort(new TalonError('INTERRUPTED', 'The gateway stopped.'))
    }
    const late = setTimeout(end, graceMs)
    await Promise.allSettled(running.map(({ done }) => done))
    clearTimeout(late)
  }

  /** The same request, if it is at work now. */
  #repeatedBy({ request }: ToolRunInput): Pending | undefined {
    const found = request && this.#pendingRequests.get(keyOf(request))
    if (found && found.hash !== request.hash) {
      throw new TalonError('CONFLICT', 'This request id was used before with another payload. Use a new id.')
    }
    return found
  }

  async #begin(input: ToolRunInput, invocationId: string, stop: AbortController): Promise<ToolOutcome> {
    // Before anything is checked: tool or session may be gone since, and a used id is a conflict whatever comes with it.
    const known = input.request && (await this.#store.findInvocation(input.request))
    if (known) return { ...(await this.#outcomeOf(known, input)), duplicate: true }
    // A run of the agent belongs to its session already, and may outlive it.
    if (input.sessionId !== undefined && input.runId === undefined) await this.#checkSession(input.sessionId)
    const tool = this.#find(input.toolName)
    const standing = await this.#judge.standingOf(tool, input)
    const verdict = this.#judge.verdictOf(tool, standing)
    const refuse = (error: TalonError) => refusal(input, invocationId, decisionOf(verdict), error)
    const { sessionId, tokenId } = input
    const bound = tool.bind(input.args, { app: this.#app, sessionId, tokenId })
    if (!bound.ok) return refuse(new TalonError('INVALID_MESSAGE', bound.problem))
    const unavailable = verdict.outcome === 'deny' ? undefined : tool.available(this.#app)
    if (unavailable !== undefined) return refuse(new TalonError('FORBIDDEN', unavailable))
    const call = { tool, bound, input, invocationId }
    let permit: Permit = { decision: decisionOf(verdict), standing }
    try {
      if (verdict.outcome === 'ask') permit = await this.#judge.permit(call, standing, stop.signal)
    } catch (error) {
      // Nothing was recorded yet, so the same request may be sent again.
      if (stop.signal.aborted) return refuse(cancelled(tool.name))
      if (error instanceof TalonError && error.code === 'INTERRUPTED') return refuse(error)
      throw error
    }
    if (!mayRun(permit, input)) return this.#refused(call, permit)
    return this.#inSlot({ ...call, permit, timeoutMs: this.#timeoutOf(tool, input), stop })
  }

  /** One that is not let run is in the history like those that are. */
  async #refused(call: ToolCall, permit: Permit): Promise<ToolOutcome> {
    const { input, invocationId } = call
    const { decision } = permit
    const log = this.#app.log.child(idsOf(input, invocationId))
    log.warn({ rule: decision.rule, tokenId: input.tokenId }, 'A tool may not run')
    const outcome = refusal(input, invocationId, decision, denial(call, permit))
    try {
      await this.#recorder.refused(call, permit, outcome)
    } catch (error) {
      log.error({ err: error }, 'a tool that may not run was not recorded')
    }
    return outcome
  }

  async #checkSession(sessionId: string): Promise<void> {
    if (await this.#store.getHead(sessionId)) return
    throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
  }

  #find(name: string): Tool {
    const tool = this.#tools().find(tool => tool.name === name)
    if (tool) return tool
    const close = nearestOf(
      name,
      this.#tools().map(tool => tool.name),
    )
    const hint = close.length > 0 ? ` The nearest are ${close.join(', ')}.` : ''
    throw new TalonError('TOOL_NOT_FOUND', `There is no tool ${JSON.stringify(name)}.${hint}`)
  }

  #timeoutOf(tool: Tool, input: ToolRunInput): number {
    const wantedMs = input.timeoutMs ?? tool.timeoutMs ?? this.#app.config['tools.timeoutMs']
    return Math.min(Math.max(1, wantedMs), maxTimeoutMs)
  }

  #inSlot(job: Job): Promise<ToolOutcome> {
    // It would keep a slot from those that it waits for.
    if (job.tool.waits) return this.#recorded(job, () => undefined)
    const waited = job.permit.allowedHash !== undefined || job.stop.signal.aborted
    const free = waited ? undefined : this.#slots.take()
    return free ? this.#recorded(job, free) : this.#afterWaiting(job)
  }

  /** Who has waited, for a person or for a slot, may have lost the right to run meanwhile. */
  async #afterWaiting(job: Job): Promise<ToolOutcome> {
    const { input, invocationId, permit, stop, tool, timeoutMs } = job
    let release: () => void
    try {
      release = await this.#slots.acquire(stop.signal, timeoutMs)
    } catch (error) {
      // Nothing was recorded yet, so the same request may be sent again.
      if (stop.signal.aborted) return refusal(input, invocationId, permit.decision, cancelled(tool.name))
      throw error
    }
    try {
      const now = await this.#judge.again(job, permit)
      return mayRun(now, input) ? await this.#recorded({ ...job, permit: now }, release) : await this.#refused(job, now)
    } finally {
      release()
    }
  }

  async #recorded(job: Job, release: () => void): Promise<ToolOutcome> {
    try {
      const done = await this.#recorder.recorded(job, () => this.#perform(job, release))
      if ('outcome' in done) return done.outcome
      return { ...(await this.#outcomeOf(done.known, job.input)), duplicate: true }
    } finally {
      release()
    }
  }

  async #perform(job: Job, release: () => void): Promise<Performed> {
    const { input, invocationId, permit } = job
    if (permit.grantId !== undefined && !(await this.#judge.stands(permit))) {
      const now = revoked(permit)
      return { outcome: refusal(input, invocationId, now.decision, denial(job, now)), taints: false }
    }
    const logOf = () => this.#app.log.child(idsOf(input, invocationId))
    const performed = await perform({ app: this.#app, logOf }, job, payload => {
      input.onStream?.(payload)
      this.#bus.emit('tool.stream', payload)
    })
    // What waits for the disk holds no slot.
    release()
    return performed
  }

  async #outcomeOf(known: Invocation, input: ToolRunInput): Promise<ToolOutcome> {
    const running = this.#pending.get(known.id)
    if (running) return running.done
    // It may have ended between the answer of the store and now.
    const outcome = known.outcome ?? (await this.#store.getInvocation(known.id))?.outcome
    // The store, which ends what a crash interrupted, does not know which of it were dry runs; the repeat says so again.
    const names = nameOf(input, known.id)
    // What is stored was written by the recorder, or by the store in the same shape.
    if (outcome) return { ...(outcome as unknown as ToolOutcome), ...names }
    const error = 'How this run ended could not be recorded. It is not run again.'
    const lost = { success: false, output: '', error, code: 'INTERRUPTED', durationMs: 0, truncated: false }
    return { ...names, ...lost }
  }
}

/** A dry run does nothing, so that it is enough that it might be allowed. */
function mayRun({ decision }: Permit, { dryRun }: ToolRunInput): boolean {
  return decision.allowed || (dryRun === true && decision.outcome === 'ask')
}

function denial({ tool }: ToolCall, { decision }: Permit): TalonError {
  return new TalonError('FORBIDDEN', `${tool.name} was not run. ${decision.why ?? ''}`.trim())
}

/** What each line about a run of a tool names. */
function idsOf({ toolName, sessionId, runId, request }: ToolRunInput, invocationId: string): Record<string, unknown> {
  return { tool: toolName, invocationId, sessionId, runId, requestId: request?.requestId }
}

/** No id of a token holds a space, so no two requests have the same key. */
function keyOf({ tokenId, requestId }: Pick<RequestKey, 'tokenId' | 'requestId'>): string {
  return `${tokenId} ${requestId}`
}

function nearestOf(word: string, names: string[]): string[] {
  const close: string[] = []
  for (let left = names; close.length < 3 && left.length > 0; left = names.filter(name => !close.includes(name))) {
    close.push(nearest(word, left))
  }
  return close
}
