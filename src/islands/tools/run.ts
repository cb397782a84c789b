import { batch, type Signal, signal } from '@preact/signals'
import { randomId } from '../../client/requests.ts'
import type { Approval } from '../approvals/inbox.ts'
import { gateway } from '../connection.ts'
import { say } from '../parts/notices.ts'
import { sentence } from '../parts/sentence.ts'
import type { ToolRequest } from './copies.ts'
import type { Outcome } from './Result.tsx'

/** A run that has begun and has no result yet. */
export interface Working {
  requestId: string
  dryRun: boolean
  /** By the browser's clock, for how long it has worked. */
  since: number
}

/** One place where a tool is run: one run at a time, and its result until the next. */
export interface Bench {
  working: Signal<Working | undefined>
  /** What the tool has shown so far. */
  live: Signal<string>
  /** The question that this run waits for, where whoever looks may answer it. */
  waiting: Signal<Approval | undefined>
  outcome: Signal<Outcome | undefined>
  problem: Signal<string | undefined>
}

// The end of what a tool shows while it runs; the result has all of it.
const maxLiveChars = 64 * 1024

export function createBench(): Bench {
  return {
    working: signal<Working | undefined>(undefined),
    live: signal(''),
    waiting: signal<Approval | undefined>(undefined),
    outcome: signal<Outcome | undefined>(undefined),
    problem: signal<string | undefined>(undefined),
  }
}

/** Counts the runs that ended on this page, so that the history beside it follows. Written in browsers only. */
export const ended = signal(0)

/** Runs a tool, and shows what happens until there is a result. */
export async function run(bench: Bench, request: ToolRequest, dryRun: boolean): Promise<void> {
  const requestId = randomId()
  batch(() => {
    bench.working.value = { requestId, dryRun, since: Date.now() }
    bench.live.value = ''
    bench.outcome.value = undefined
    bench.problem.value = undefined
  })
  const stop = listen(bench, request)
  try {
    const { toolName, args, sessionId } = request
    const payload = { toolName, args, ...(sessionId !== undefined && { sessionId }), ...(dryRun && { dryRun }) }
    bench.outcome.value = await gateway().request('tools.invoke', payload, { id: requestId })
  } catch (error) {
    bench.problem.value = sentence(`${request.toolName} was not run.`, error)
  }
  stop()
  batch(() => {
    bench.working.value = undefined
    bench.waiting.value = undefined
    ended.value++
  })
}

/** Stops the run that is under way, with everything that it started. */
export async function cancel(bench: Bench): Promise<void> {
  const working = bench.working.peek()
  if (!working) return
  try {
    await gateway().request('tools.cancel', { invocationId: working.requestId })
  } catch (error) {
    say(sentence('It could not be cancelled.', error), { tone: 'danger' })
  }
}

/**
 * Hears what the run shows and asks. No event names the request: what belongs to no run of the agent, on a connection that
 * follows no session, is of the one run that this page has.
 */
function listen(bench: Bench, { toolName, sessionId }: ToolRequest): () => void {
  const client = gateway()
  const stops = [
    client.on('tool.stream', ({ chunk, runId }) => {
      if (runId === undefined) bench.live.value = (bench.live.peek() + chunk).slice(-maxLiveChars)
    }),
    client.on('approval.requested', approval => {
      const isOurs = approval.toolName === toolName && approval.sessionId === sessionId && approval.runId === undefined
      if (isOurs) bench.waiting.value ??= approval
    }),
    client.on('approval.resolved', ({ approvalId }) => {
      if (bench.waiting.peek()?.approvalId === approvalId) bench.waiting.value = undefined
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}
