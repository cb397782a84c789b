import { setTimeout as delay } from 'node:timers/promises'
import { TalonError } from '../../protocol/errors.ts'
import type { Agents, App, Runs } from '../record.ts'
import { slashCommands } from './commands.ts'
import { createAgents, type Workshop } from './delegate.ts'
import { type Desk, execute, finish } from './execute.ts'
import { patiently } from './patience.ts'

// Sessions that wait for a free place, by id; beyond it the database is asked when a place is free.
const maxWaiting = 100_000
// For the last entries of runs that are stopped at the end of a drain.
const lastGraceMs = 500

export interface RunScheduler extends Runs, Agents {
  /** Sessions that wait for a free place, as far as they are known in memory. */
  waiting(): number
  /** Ends the runs that a dead process was working on, before this one begins any; says how many. */
  interruptLeftOver(): Promise<number>
  /** Starts what a dead process had not begun; says how many. */
  startQueued(): Promise<number>
  /** Takes no new run; those that work get this long, then they are interrupted. */
  drain(graceMs: number): Promise<void>
}

/** Runs queued messages: one at a time per session, a bounded number in all. `app` is complete when the first run starts. */
export function createRuns(app: App): RunScheduler {
  const desk: Desk = { working: new Map(), summarizing: new Set() }
  const { working } = desk
  const serving = new Map<string, { again: boolean }>()
  const waiting = new Set<string>()
  // Those of sub-runs hold no place: whoever asks for one holds one, and waits for it.
  let beside = 0
  let forgotten = false
  let stopped = false

  const hasPlace = () => serving.size - beside < app.config['agent.maxRuns']
  const wake = (sessionId: string) => {
    const served = serving.get(sessionId)
    if (served) served.again = true
    else if (stopped) return
    else if (hasPlace()) void serve(sessionId)
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
        if (run && !stopped) await execute(app, desk, run)
        else if (!state.again || stopped) break
        if (waiting.size === 0) continue
        // Others wait for a place: this session goes on behind them.
        waiting.add(sessionId)
        break
      }
    } catch (error) {
      app.log.error({ sessionId, err: error }, 'a run could not be stored')
    }
    serving.delete(sessionId)
    await serveNext().catch(error => app.log.error({ err: error }, 'waiting runs could not be found'))
  }
  const serveNext = async () => {
    if (waiting.size === 0 && forgotten && !stopped) {
      const unfinished = await patiently(app, () => app.store.unfinishedRuns())
      forgotten = false
      for (const run of unfinished) if (run.state === 'queued') wake(run.sessionId)
    }
    // Several places are free at once after the bound was raised, and none after it was lowered.
    for (const next of waiting) {
      if (stopped || !hasPlace()) return
      waiting.delete(next)
      wake(next)
    }
  }

  const workshop: Workshop = {
    async beside(sessionId, make, allowance) {
      if (stopped) throw new TalonError('INTERRUPTED', 'The gateway stops.')
      // From before anybody can know of the session: its run is worked on here, and not by the queue as well.
      const state = { again: false }
      serving.set(sessionId, state)
      beside += 1
      try {
        await execute(app, desk, await make(), allowance)
      } finally {
        serving.delete(sessionId)
        beside -= 1
        if (state.again) wake(sessionId)
      }
    },
    allowanceOf(sessionId, runId) {
      const live = sessionId === undefined ? undefined : working.get(sessionId)
      return live?.runId === runId ? live?.allowance : undefined
    },
  }

  app.settings.onChange(['agent.maxRuns'], () => {
    serveNext().catch(error => app.log.error({ err: error }, 'waiting runs could not be found'))
  })

  return {
    ...createAgents(app, workshop),
    wake,
    waiting: () => waiting.size,
    count: () => working.size,
    commands: slashCommands.map(({ name, usage, summary }) => ({ name, usage, summary })),
    live(sessionId) {
      const live = working.get(sessionId)
      return live?.abandoned ? undefined : live
    },
    async cancel(sessionId) {
      const live = working.get(sessionId)
      live?.controller.abort(new TalonError('CANCELLED', 'Cancelled.'))
      await live?.finished
      if (live && !live.abandoned) {
        const ended = await app.store.getRun(live.runId)
        return ended?.state === 'cancelled' ? live.runId : null
      }
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
      // Nobody waits any more for what a sub-run would say.
      const unasked = new Set(await app.store.unfinishedDelegations())
      const left = await app.store.unfinishedRuns()
      const began = left.filter(run => run.state === 'running' || unasked.has(run.id))
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
      // What does not end even then is interrupted by the next start.
      await Promise.race([all(), delay(graceMs + lastGraceMs, undefined, { ref: false })])
    },
  }
}
