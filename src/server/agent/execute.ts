import type { EndedCall, Run } from '../../db/store.ts'
import { errorPayload, TalonError } from '../../protocol/errors.ts'
import { withIds } from '../log.ts'
import type { App, LiveRun, Span, TraceContext } from '../record.ts'
import { type Allowance, watchAllowance, withAllowance } from './allowance.ts'
import { type Ledger, limitWallTime, openLedger } from './budget.ts'
import { parseCommand } from './commands.ts'
import type { Usage } from './model.ts'
import { patiently } from './patience.ts'
import { type RunStep, runAgent } from './run.ts'
import { updateSummary } from './summary.ts'

// "At least every second", with room for a slow disk.
const savePartialMs = 500

type Ending = 'done' | 'failed' | 'cancelled' | 'interrupted'

/** What is going on, by session. */
export interface Desk {
  working: Map<string, Working>
  summarizing: Set<string>
}

/** A run at work. */
export interface Working extends LiveRun {
  controller: AbortController
  finished: Promise<void>
  /** The store has ended it; what is left is to stop the work. */
  abandoned: boolean
  span: Span
  ledger: Ledger
  /** Of a sub-run. */
  allowance: Allowance | undefined
}

/**
 * One run from its start to its end. Rejects only if the end could not be stored. It resolves when the answer is out; what
 * may follow it is nothing that anybody waits for. A sub-run has an allowance.
 */
export async function execute(gateway: App, desk: Desk, queued: Run, allowance?: Allowance): Promise<void> {
  const { working } = desk
  const { id: runId, sessionId } = queued
  const app = withIds(gateway, { sessionId, runId })
  const { promise: finished, resolve } = Promise.withResolvers<void>()
  const controller = new AbortController()
  const live: Working = {
    runId,
    state: 'running',
    text: '',
    index: -1,
    controller,
    finished,
    spent: undefined,
    abandoned: false,
    span: app.tracing.start('run', {
      parent: app.tracing.takeRun(runId),
      attributes: { 'talon.session.id': sessionId, 'talon.run.id': runId },
    }),
    ledger: allowance ? withAllowance(openLedger(app, queued), allowance) : openLedger(app, queued),
    allowance,
  }
  let answered: Answered | undefined
  const endTime = limitWallTime(app, controller)
  const endWatch = allowance && watchAllowance(allowance, controller)
  working.set(sessionId, live)
  try {
    const run = await begin(app, runId)
    if (!run) return
    app.bus.emit('run.started', { sessionId, runId, state: 'running' })
    answered = await answer(app, run, live)
    void app.budgets.look({ sessionId, runId, tokenId: run.tokenId ?? '' })
  } finally {
    endTime()
    endWatch?.()
    working.delete(sessionId)
    live.span.end()
    resolve()
  }
  if (answered) void summarize(app, desk, queued, { ...answered, trace: live.span.context })
}

/** The run, which works from now on; undefined if it was cancelled before. */
async function begin(app: App, runId: string): Promise<Run | undefined> {
  const begun = await patiently(app, () => app.store.startRun({ runId, at: app.clock.now() }))
  if (begun) return begun
  // Where the answer of the store was lost after its commit, the run is ours all the same: nobody else works on it.
  const found = await patiently(app, () => app.store.getRun(runId))
  return found?.state === 'running' ? found : undefined
}

type Answered = Extract<RunStep, { type: 'answered' }>

/** What the model answered with, if it did; whatever happens, the run has ended when this returns. */
async function answer(app: App, run: Run, live: Working): Promise<Answered | undefined> {
  try {
    const question = await patiently(app, () => userText(app, run))
    // What a run asks of another is work, never a command.
    const known = live.allowance ? undefined : parseCommand(question)
    if (known) {
      const session = await app.store.getSession(run.sessionId)
      if (!session) throw new TalonError('CANCELLED', 'The session was deleted.')
      const { text, epoch } = await known.command.run(app, { session, run, args: known.args })
      const about = { epoch, model: 'talon', provider: 'talon', ...live.ledger.bill() }
      await patiently(app, () => finish(app, run, { state: 'done', text, ...about }))
      return undefined
    }
    const answered = await stream(app, run, live)
    const bill = live.ledger.bill()
    await patiently(app, () => finish(app, run, { state: 'done', text: live.text, ...answered, ...bill }))
    return answered
  } catch (error) {
    await fail(app, run, live, error)
    return undefined
  }
}

/** Follows the agent; text goes out as it comes and is stored twice a second. */
async function stream(app: App, run: Run, live: Working): Promise<Answered> {
  const { sessionId, id: runId } = run
  let saved = ''
  // Text that is on its way into the log with its tool calls: neither partial any more nor certain to be stored.
  let pending = ''
  const saving = setInterval(() => {
    if (live.text === saved || pending !== '') return
    saved = live.text
    app.store.savePartialText({ runId, text: saved }).catch(error => app.log.warn({ err: error }, 'text not stored'))
  }, savePartialMs)
  try {
    const { controller, span, ledger } = live
    for await (const step of runAgent(app, run, { signal: controller.signal, trace: span.context, ledger })) {
      if (step.type === 'answered') return step
      if (step.type === 'storing') {
        pending = live.text
        live.text = ''
      } else if (step.type === 'tool_calls') {
        pending = ''
        live.spent = step.total
      } else if (step.type === 'text') {
        live.text += step.text
        live.index += 1
        app.bus.emit('session.message.delta', { sessionId, runId, delta: step.text, index: live.index })
      } else emitTool(app, run, step)
    }
    throw new TalonError('INTERNAL', 'The run ended without an answer.')
  } finally {
    clearInterval(saving)
    if (pending !== '') live.text = pending
  }
}

function emitTool(app: App, run: Run, step: Extract<RunStep, { type: 'tool_call' | 'tool_result' }>): void {
  const { sessionId, id: runId } = run
  const { id: callId, name: toolName, args } = step.call
  if (step.type === 'tool_call') return app.bus.emit('tool.call', { sessionId, runId, callId, toolName, args })
  const { success, output, error, durationMs, attachments, invocationId, decision } = step.outcome
  const about = { ...(invocationId !== '' && { invocationId }), ...(decision && { decision }) }
  const more = { ...(error !== undefined && { error }), ...(attachments && { attachments }), ...about }
  app.bus.emit('tool.result', { sessionId, runId, callId, toolName, success, output, ...more, durationMs })
}

async function fail(app: App, run: Run, live: Working, thrown: unknown): Promise<void> {
  const stored = await patiently(app, () => app.store.getRun(run.id))
  // Its session was reset or deleted, which ended it.
  if (stored?.finishedAt !== null) return
  const error = live.controller.signal.aborted ? live.controller.signal.reason : thrown
  const payload = errorPayload(error)
  live.span.fail(payload.code)
  const state = payload.code === 'CANCELLED' ? 'cancelled' : payload.code === 'INTERRUPTED' ? 'interrupted' : 'failed'
  if (payload.code === 'INTERNAL') app.log.error({ err: error }, 'a run failed')
  if (state === 'failed') {
    // Before the last entry, so that a client that stops at the final message has seen why it is incomplete.
    app.bus.emit('session.error', { ...payload, sessionId: run.sessionId, runId: run.id })
  }
  const end = { state, text: live.text, error: payload.error, total: live.spent, ...live.ledger.bill() } as const
  await patiently(app, () => finish(app, run, end))
}

/** Ends a run in one commit, with its last entry; what an unfinished one had said is kept as incomplete. */
export async function finish(
  app: App,
  run: Run,
  end: {
    state: Ending
    text?: string | undefined
    epoch?: number | undefined
    error?: string | undefined
    provider?: string | undefined
    model?: string | undefined
    /** Of the last call of the model, and of all calls of the run. */
    usage?: Usage | undefined
    total?: Usage | undefined
    ended?: readonly EndedCall[] | undefined
    wallMs?: number | undefined
  },
): Promise<boolean> {
  const { state, text = '', error, usage, total, provider, model, ended, wallMs, epoch } = end
  const isComplete = state === 'done'
  const message =
    isComplete || text !== '' ? { id: app.newId(), content: text, incomplete: !isComplete, usage } : undefined
  const about = { error, usage: total, provider, model, message, epoch, ended, wallMs, at: app.clock.now() }
  return (await app.store.finishRun({ runId: run.id, state, ...about })) !== undefined
}

async function userText(app: App, { sessionId, epoch, messageSeq }: Run): Promise<string> {
  const place = { sessionId, epoch, after: messageSeq - 1, limit: 1, maxBytes: 1 }
  const { entries } = await app.store.history(place)
  return entries[0]?.message.content ?? ''
}

async function summarize(
  app: App,
  { summarizing }: Desk,
  run: Run,
  answered: Answered & { trace: TraceContext | undefined },
): Promise<void> {
  const { context, provider, model, trace } = answered
  const speaker = app.models.find(`${provider}/${model}`)
  if (context.leftOutThrough === 0 || !speaker || summarizing.has(run.sessionId)) return
  summarizing.add(run.sessionId)
  try {
    await updateSummary(app, run, { model: speaker, trace }, context.leftOutThrough)
  } catch (error) {
    app.log.warn({ err: error }, 'the summary could not be updated')
  } finally {
    summarizing.delete(run.sessionId)
  }
}
