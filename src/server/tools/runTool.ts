import type { Invocation, RequestKey, Store } from '../../db/store.ts'
import { TalonError } from '../../protocol/errors.ts'
import { nearest } from '../config.ts'
import type { ToolOutcome, ToolRunInput, Tools } from '../record.ts'
import { decide, denialOf } from './decide.ts'
import { cancelled, type Job, maxTimeoutMs, nameOf, perform, refusal } from './performTool.ts'
import { createSlots, type Slots } from './slots.ts'
import type { Tool, ToolApp } from './tool.ts'

/** Runs that wait for a slot; more are refused. */
const maxWaiting = 256

export type InvocationStore = Pick<
  Store,
  'beginInvocation' | 'finishInvocation' | 'getInvocation' | 'findInvocation' | 'getHead'
>

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
  readonly #tools: ReadonlyMap<string, Tool>
  readonly #slots: Slots
  // Both are bounded by the slots and the places to wait for one; before that, by what connections may have in flight.
  readonly #pending = new Map<string, Pending>()
  readonly #pendingRequests = new Map<string, Pending>()

  constructor(app: ToolApp, store: InvocationStore, tools: Tool[]) {
    this.#app = app
    this.#store = store
    this.#tools = new Map(tools.map(tool => [tool.name, tool]))
    this.#slots = createSlots(() => app.config['tools.maxConcurrent'], maxWaiting)
  }

  /**
   * Runs a tool. A tool that fails, was refused, stopped or called wrongly is a result with `success: false`.
   * @throws TalonError `SESSION_NOT_FOUND`, `TOOL_NOT_FOUND`, `CONFLICT`, `OVERLOADED`, or what the store throws
   */
  async run(input: ToolRunInput): Promise<ToolOutcome> {
    const repeated = this.#repeatedBy(input)
    if (repeated) return { ...(await repeated.done), duplicate: true }
    return this.#track(input, this.#app.newId(), new AbortController())
  }

  cancel(invocationId: string, tokenId?: string): boolean {
    const own =
      tokenId === undefined ? undefined : this.#pendingRequests.get(keyOf({ tokenId, requestId: invocationId }))
    const found = own ?? this.#pending.get(invocationId)
    found?.stop.abort(new TalonError('CANCELLED', 'The tool was cancelled.'))
    return found !== undefined
  }

  /** The same request, if it is at work now. */
  #repeatedBy({ request }: ToolRunInput): Pending | undefined {
    const found = request && this.#pendingRequests.get(keyOf(request))
    if (found && found.hash !== request.hash) {
      throw new TalonError('CONFLICT', 'This request id was used before with another payload. Use a new id.')
    }
    return found
  }

  /** Notes a run from its first moment on, so that a repeat or a cancel that comes right behind it finds it. */
  async #track(input: ToolRunInput, invocationId: string, stop: AbortController): Promise<ToolOutcome> {
    const key = input.request && keyOf(input.request)
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

  async #begin(input: ToolRunInput, invocationId: string, stop: AbortController): Promise<ToolOutcome> {
    // Before anything is checked: tool or session may be gone since, and a used id is a conflict whatever comes with it.
    const known = input.request && (await this.#store.findInvocation(input.request))
    if (known) return { ...(await this.#outcomeOf(known, input)), duplicate: true }
    await this.#checkSession(input)
    const tool = this.#find(input.toolName)
    const decision = decide(tool)
    const bound = tool.bind(input.args)
    if (!bound.ok) return refusal(input, invocationId, decision, new TalonError('INVALID_MESSAGE', bound.problem))
    const denial = denialOf(tool) ?? tool.available(this.#app)
    if (denial !== undefined) {
      const log = this.#app.log.child(idsOf(input, invocationId))
      log.warn({ rule: decision.rule, tokenId: input.tokenId }, 'A tool may not run')
      return refusal(input, invocationId, decision, new TalonError('FORBIDDEN', denial))
    }
    return this.#inSlot({ tool, bound, decision, input, invocationId, timeoutMs: this.#timeoutOf(tool, input), stop })
  }

  async #checkSession({ sessionId, runId }: ToolRunInput): Promise<void> {
    // A run of the agent belongs to its session already, and may outlive it.
    if (sessionId === undefined || runId !== undefined) return
    if (await this.#store.getHead(sessionId)) return
    throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
  }

  #find(name: string): Tool {
    const tool = this.#tools.get(name)
    if (tool) return tool
    const close = nearestOf(name, [...this.#tools.keys()])
    const hint = close.length > 0 ? ` The nearest are ${close.join(', ')}.` : ''
    throw new TalonError('TOOL_NOT_FOUND', `There is no tool ${JSON.stringify(name)}.${hint}`)
  }

  #timeoutOf(tool: Tool, input: ToolRunInput): number {
    const wantedMs = input.timeoutMs ?? tool.timeoutMs ?? this.#app.config['tools.timeoutMs']
    return Math.min(Math.max(1, wantedMs), maxTimeoutMs)
  }

  async #inSlot(job: Job): Promise<ToolOutcome> {
    const { input, invocationId, decision, stop, tool, timeoutMs } = job
    let release: () => void
    try {
      release = await this.#slots.acquire(stop.signal, timeoutMs)
    } catch (error) {
      // Nothing was recorded yet, so the same request may be sent again.
      if (stop.signal.aborted) return refusal(input, invocationId, decision, cancelled(tool.name))
      throw error
    }
    try {
      return await this.#recorded(job)
    } finally {
      release()
    }
  }

  /** Acts only after the store has on disk that it begins; an answer leaves only after the result is there too. */
  async #recorded(job: Job): Promise<ToolOutcome> {
    const { input, invocationId: id, tool } = job
    const { known } = await this.#store.beginInvocation({
      id,
      tokenId: input.tokenId,
      sessionId: input.sessionId ?? null,
      runId: input.runId ?? null,
      toolName: tool.name,
      args: input.args,
      startedAt: this.#app.clock.now(),
      request: input.request,
    })
    if (known) return { ...(await this.#outcomeOf(known, input)), duplicate: true }
    const app = { ...this.#app, log: this.#app.log.child(idsOf(input, id)) }
    const outcome = await perform(app, job)
    await this.#store.finishInvocation({ invocationId: id, outcome: { ...outcome }, at: this.#app.clock.now() })
    return outcome
  }

  async #outcomeOf(known: Invocation, input: ToolRunInput): Promise<ToolOutcome> {
    const running = this.#pending.get(known.id)
    if (running) return running.done
    // It may have ended between the answer of the store and now.
    const outcome = known.outcome ?? (await this.#store.getInvocation(known.id))?.outcome
    // The store, which ends what a crash interrupted, does not know which of it were dry runs; the repeat says so again.
    const names = nameOf(input, known.id)
    // What is stored was written by `finishInvocation` above, or by the store in the same shape.
    if (outcome) return { ...(outcome as unknown as ToolOutcome), ...names }
    const error = 'How this run ended could not be recorded. It is not run again.'
    const lost = { success: false, output: '', error, code: 'INTERRUPTED', durationMs: 0, truncated: false }
    return { ...names, ...lost }
  }
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
