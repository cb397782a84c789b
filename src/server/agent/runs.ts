import type { Run } from '../../db/store.ts'
import { errorPayload, TalonError } from '../../protocol/errors.ts'
import type { App, LiveRun, Runs } from '../record.ts'
import { parseCommand } from './commands.ts'
import type { Usage } from './model.ts'
import { patiently } from './patience.ts'
import { type RunStep, runAgent } from './run.ts'
import { updateSummary } from './summary.ts'

// "At least every second", with room for a slow disk.
const savePartialMs = 500
// Sessions that wait for a free place, by id; beyond it the database is asked when a place is free.
const maxWaiting = 100_000

type Ending = 'done' | 'failed' | 'cancelled' | 'interrupted'

interface Working extends LiveRun {
  controller: AbortController
  finished: Promise<void>
  /** The store has ended it; what is left is to stop the work. */
  abandoned: boolean
}

export interface RunScheduler extends Runs {
  /** Ends the runs that a dead process was working on, before this one begins any; says how many. */
  interruptLeftOver(): Promise<number>
  /** Starts what a dead process had not begun; says how many. */
  startQueued(): Promise<number>
  /** Takes no new run; those that work get this long, then they are interrupted. */
  drain(graceMs: number): Promise<void>
}

/** Runs queued messages: one at a time per session, a bounded number in all. `app` is complete when the first run starts. */
export function createRuns(app: App): RunScheduler {
  const working = new Map<string, Working>()
  const serving = new Map<string, { again: boolean }>()
  const waiting = new Set<string>()
  let forgotten = false
  let stopped = false

  const wake = (sessionId: string) => {
    const served = serving.get(sessionId)
    if (served) served.again = true
    else if (stopped) return
    else if (serving.size < app.config['agent.maxRuns']) void serve(sessionId)
    else if (waiting.size < maxWaiting) waiting.add(sessionId)
    else forgotten = true
  }
  const serve = async (sessionId: string) => {
    const state = { again: false }
    serving.set(sessionId, state)
    try {
      for (;;) {
        state.again = false
        const run = stopped ? undefined : await patiently(app, () => app.store.nextQueuedRun(sessionId))
        // A stop that began while the database was asked leaves the run in the queue for the next start.
        if (run && !stopped) await execute(app, working, run)
        else if (!state.again || stopped) break
      }
    } catch (error) {
      app.log.error({ sessionId, err: error }, 'a run could not be stored')
    }
    serving.delete(sessionId)
    await serveNext()
  }
  const serveNext = async () => {
    if (waiting.size === 0 && forgotten && !stopped) {
      forgotten = false
      for (const run of await app.store.unfinishedRuns()) if (run.state === 'queued') wake(run.sessionId)
    }
    const [next] = waiting
    if (next === undefined || stopped) return
    waiting.delete(next)
    wake(next)
  }

  return {
    wake,
    count: () => working.size,
    live(sessionId) {
      const live = working.get(sessionId)
      return live?.abandoned ? undefined : live
    },
    async cancel(sessionId) {
      const live = working.get(sessionId)
      live?.controller.abort(new TalonError('CANCELLED', 'Cancelled.'))
      await live?.finished
      if (live && !live.abandoned) return live.runId
      const waits = await app.store.activeRun(sessionId)
      return waits && (await finish(app, waits, { state: 'cancelled' })) ? waits.id : null
    },
    abandon(sessionId, runIds) {
      const live = working.get(sessionId)
      if (!live || !runIds.includes(live.runId)) return
      live.abandoned = true
      live.controller.abort(new TalonError('CANCELLED', 'Cancelled.'))
    },
    async interruptLeftOver() {
      const began = (await app.store.unfinishedRuns()).filter(run => run.state === 'running')
      await Promise.all(began.map(run => finish(app, run, { state: 'interrupted', text: run.partialText })))
      return began.length
    },
    async startQueued() {
      const queued = (await app.store.unfinishedRuns()).filter(run => run.state === 'queued')
      for (const run of queued) wake(run.sessionId)
      return queued.length
    },
    async drain(graceMs) {
      stopped = true
      const all = () => Promise.all([...working.values()].map(live => live.finished))
      const late = AbortSignal.timeout(graceMs)
      late.addEventListener('abort', () => {
        for (const { controller } of working.values()) {
          controller.abort(new TalonError('INTERRUPTED', 'The gateway stopped.'))
        }
      })
      await all()
    },
  }
}

/** One run from its start to its end. Rejects only if the end could not be stored. */
async function execute(app: App, working: Map<string, Working>, queued: Run): Promise<void> {
  const { id: runId, sessionId } = queued
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
  }
  let answered: Answered | undefined
  working.set(sessionId, live)
  try {
    const run = await patiently(app, () => app.store.startRun({ runId, at: app.clock.now() }))
    if (!run) return
    app.bus.emit('run.started', { sessionId, runId, state: 'running' })
    answered = await answer(app, run, live)
  } finally {
    working.delete(sessionId)
    resolve()
  }
  // The answer is out; nobody but the next message of this session waits for this.
  if (answered) await summarize(app, queued, answered)
}

type Answered = Extract<RunStep, { type: 'answered' }>

/** What the model answered with, if it did; whatever happens, the run has ended when this returns. */
async function answer(app: App, run: Run, live: Working): Promise<Answered | undefined> {
  const question = await userText(app, run)
  const known = parseCommand(question)
  try {
    if (known) {
      const session = await app.store.getSession(run.sessionId)
      if (!session) throw new TalonError('CANCELLED', 'The session was deleted.')
      const { text, epoch } = await known.command.run(app, { session, run, args: known.args })
      await finish(app, run, { state: 'done', text, epoch, model: 'talon', provider: 'talon' })
      return undefined
    }
    const answered = await stream(app, run, live)
    await finish(app, run, { state: 'done', text: live.text, ...answered })
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
  const saving = setInterval(() => {
    if (live.text === saved) return
    saved = live.text
    app.store
      .savePartialText({ runId, text: saved })
      .catch(error => app.log.warn({ runId, err: error }, 'text not stored'))
  }, savePartialMs)
  try {
    for await (const step of runAgent(app, run, live.controller.signal)) {
      if (step.type === 'answered') return step
      if (step.type === 'tool_calls') {
        live.text = ''
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
  }
}

function emitTool(app: App, run: Run, step: Extract<RunStep, { type: 'tool_call' | 'tool_result' }>): void {
  const { sessionId, id: runId } = run
  const { id: callId, name: toolName, args } = step.call
  if (step.type === 'tool_call') return app.bus.emit('tool.call', { sessionId, runId, callId, toolName, args })
  const { success, output, error, durationMs } = step.outcome
  const failed = error === undefined ? {} : { error }
  app.bus.emit('tool.result', { sessionId, runId, callId, toolName, success, output, ...failed, durationMs })
}

async function fail(app: App, run: Run, live: Working, thrown: unknown): Promise<void> {
  const stored = await patiently(app, () => app.store.getRun(run.id))
  // Its session was reset or deleted, which ended it.
  if (stored?.finishedAt !== null) return
  const error = live.controller.signal.aborted ? live.controller.signal.reason : thrown
  const payload = errorPayload(error)
  const state = payload.code === 'CANCELLED' ? 'cancelled' : payload.code === 'INTERRUPTED' ? 'interrupted' : 'failed'
  if (payload.code === 'INTERNAL') app.log.error({ runId: run.id, err: error }, 'a run failed')
  if (state === 'failed') {
    // Before the last entry, so that a client that stops at the final message has seen why it is incomplete.
    app.bus.emit('session.error', { ...payload, sessionId: run.sessionId, runId: run.id })
  }
  await finish(app, run, { state, text: live.text, error: payload.error, total: live.spent })
}

/** Ends a run in one commit, with its last entry; what an unfinished one had said is kept as incomplete. */
async function finish(
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
  },
): Promise<boolean> {
  const { state, text = '', error, usage, total, provider, model } = end
  const isComplete = state === 'done'
  const message =
    isComplete || text !== '' ? { id: app.newId(), content: text, incomplete: !isComplete, usage } : undefined
  const about = { error, usage: total, provider, model, message, epoch: end.epoch, at: app.clock.now() }
  const ended = await patiently(app, () => app.store.finishRun({ runId: run.id, state, ...about }))
  return ended !== undefined
}

async function userText(app: App, { sessionId, epoch, messageSeq }: Run): Promise<string> {
  const place = { sessionId, epoch, after: messageSeq - 1, limit: 1, maxBytes: 1 }
  const { entries } = await app.store.history(place)
  return entries[0]?.message.content ?? ''
}

async function summarize(app: App, run: Run, answered: Answered): Promise<void> {
  const { context, provider, model } = answered
  const speaker = app.models.find(`${provider}/${model}`)
  if (context.leftOutThrough === 0 || !speaker) return
  try {
    await updateSummary(app, run, speaker, context.leftOutThrough)
  } catch (error) {
    app.log.warn({ sessionId: run.sessionId, err: error }, 'the summary could not be updated')
  }
}
