import type { Invocation, NewInvocation, Store } from '../../db/store.ts'
import { limitsTools } from '../budgets.ts'
import type { ToolOutcome } from '../record.ts'
import { auditOf } from './audited.ts'
import type { Permit, ToolCall } from './judge.ts'
import { cancelled, type Job, type Performed } from './performTool.ts'
import type { ToolApp } from './tool.ts'

/** What takes longer is in the history while it runs, whatever it may do. */
const quickMs = 50

export interface RecorderDeps {
  app: Pick<ToolApp, 'config' | 'clock'>
  store: Pick<Store, 'beginInvocation' | 'finishInvocation' | 'recordRefusal' | 'recordEnded'>
  /** Arguments as they may be stored. */
  keptArgs: (args: Record<string, unknown>) => Record<string, unknown>
}

/** Stores runs of tools. */
export interface Recorder {
  /** Lets a run act. Its answer is for whoever asked only after its result is on disk; `known` is one that this request began before. */
  recorded(job: Job, act: () => Promise<Performed>): Promise<{ known: Invocation } | { outcome: ToolOutcome }>
  refused(call: ToolCall, permit: Permit, outcome: ToolOutcome): Promise<void>
}

export function createRecorder({ app, store, keptArgs }: RecorderDeps): Recorder {
  const { clock, config } = app
  const recordOf = ({ tool, bound, input, invocationId: id }: ToolCall, permit: Permit, startedAt: number) => {
    const { tokenId, sessionId = null, runId = null, dryRun = false } = input
    const about = { decision: permit.decision, tainted: permit.standing.tainted, dryRun, startedAt }
    const run: NewInvocation = {
      id,
      tokenId,
      sessionId,
      runId,
      toolName: tool.name,
      args: keptArgs(bound.args),
      ...about,
    }
    return run
  }
  /**
   * Whether nothing is lost where a crash leaves no trace of a run: it could change nothing, no budget has to allow it, and
   * no run of the agent goes on from it.
   */
  const mayFollow = ({ tool, input }: Job) =>
    tool.permission === 'safe' && input.runId === undefined && !limitsTools(config)

  const begin = async (job: Job, startedAt: number) => {
    const { request } = job.input
    return (await store.beginInvocation({ ...recordOf(job, job.permit, startedAt), request })).known
  }
  const finish = async ({ tool, input, invocationId }: Job, { outcome, taints }: Performed) => {
    const at = clock.now()
    await store.finishInvocation({
      invocationId,
      outcome: { ...outcome },
      // Before the model sees it: what it asks for next is decided with that.
      taints: taints && input.runId !== undefined,
      at,
      // What can change nothing is in the history only: an entry would cost it a third of its time.
      audit: tool.permission === 'safe' ? undefined : auditOf(input, outcome, at),
    })
    return { outcome }
  }
  const lingerers = createLingerers(({ job, startedAt }) => begin(job, startedAt))
  const afterwards = async (job: Job, act: () => Promise<Performed>) => {
    const run: Lingerer = { job, startedAt: clock.now(), begun: undefined }
    lingerers.add(run)
    let performed: Performed
    try {
      performed = await act()
    } finally {
      lingerers.remove(run)
    }
    if (run.begun) {
      await run.begun
      return finish(job, performed)
    }
    const { outcome } = performed
    const { request } = job.input
    const ended = { request, outcome: { ...outcome }, at: clock.now() }
    await store.recordEnded({ ...recordOf(job, job.permit, run.startedAt), ...ended })
    return { outcome }
  }

  return {
    async recorded(job, act) {
      if (mayFollow(job)) return afterwards(job, act)
      // Acts only after the store has on disk that it begins.
      const known = await begin(job, clock.now())
      return known ? { known } : finish(job, await act())
    },
    async refused(call, permit, outcome) {
      const at = clock.now()
      const audit = auditOf(call.input, outcome, at)
      await store.recordRefusal({ ...recordOf(call, permit, at), outcome: { ...outcome }, at, audit })
    },
  }
}

/** A run that acts and is not recorded, unless it has `begun`. */
interface Lingerer {
  job: Job
  startedAt: number
  begun: Promise<unknown> | undefined
}

/** Records those that are still at it when they are looked at twice: one timer for all costs less than one for each. */
function createLingerers(begin: (run: Lingerer) => Promise<unknown>) {
  // Both are bounded by the slots of tools.
  let fresh = new Set<Lingerer>()
  let seen = new Set<Lingerer>()
  let looking = false
  const look = () => {
    looking = false
    for (const run of seen) {
      run.begun = begin(run)
      // What cannot be recorded is not gone on with; whoever waits for the run hears why.
      run.begun.catch(() => run.job.stop.abort(cancelled(run.job.tool.name)))
    }
    seen = fresh
    fresh = new Set()
    if (seen.size > 0) wait()
  }
  const wait = () => {
    if (!looking) setTimeout(look, quickMs).unref()
    looking = true
  }
  return {
    add(run: Lingerer): void {
      fresh.add(run)
      wait()
    },
    remove(run: Lingerer): void {
      if (!fresh.delete(run)) seen.delete(run)
    },
  }
}
