import { TalonError } from '../../protocol/errors.ts'
import { dayOf } from '../day.ts'
import type { EndedInvocation } from '../store.ts'
import { addToAccounts, payingDay } from './accounts.ts'
import type { Connection } from './open.ts'
import { done, type Outcome } from './outcome.ts'
import type { WriteQueue } from './queue.ts'
import { type EndedRow, endedRow, insertEnded } from './tool-runs.ts'
import { addUsage } from './usage.ts'

/** Runs of one commit, as rows: they go to the writer's thread as they are, and the sums of who pays are ready. */
export interface EndedRuns {
  rows: EndedRow[]
  payers: { sessionId: string; tokenId: string; at: number; toolCalls: number }[]
}

/** Takes runs that have ended; each resolves after its commit. */
export interface EndedRunRecorder {
  record(run: EndedInvocation): Promise<void>
  /** Hands all that were taken to the writer at once, which then may be closed. */
  flush(): void
}

interface Waiting {
  run: EndedInvocation
  resolve: () => void
  reject: (error: unknown) => void
}

// Some milliseconds of work: others wait for the writer too. What waits beyond them is bounded by the requests that do.
const maxPerCommit = 256

/** While a commit is under way the next runs gather, so that a lone one waits for nobody and a crowd shares one command. */
export function createEndedRuns(submit: WriteQueue['submit']): EndedRunRecorder {
  let waiting: Waiting[] = []
  let isWorking = false

  const nextGroup = (): Waiting[] => {
    const group = waiting.slice(0, maxPerCommit)
    waiting = waiting.slice(maxPerCommit)
    return group
  }
  const commit = async () => {
    while (waiting.length > 0) await commitGroup(nextGroup())
    isWorking = false
  }
  const commitGroup = async (group: readonly Waiting[]): Promise<void> => {
    try {
      await submit('recordEndedRuns', together(group.map(({ run }) => run)))
      for (const { resolve } of group) resolve()
    } catch (error) {
      // One whose id is taken must not take the others with it.
      if (group.length > 1 && error instanceof TalonError && error.code === 'CONFLICT') {
        await Promise.all(group.map(one => commitGroup([one])))
      } else for (const { reject } of group) reject(error)
    }
  }
  return {
    record(run) {
      const recorded = new Promise<void>((resolve, reject) => waiting.push({ run, resolve, reject }))
      // At the end of this turn of the loop, which may bring more of them.
      if (!isWorking) setImmediate(commit)
      isWorking = true
      return recorded
    },
    flush() {
      while (waiting.length > 0) void commitGroup(nextGroup())
    },
  }
}

/** Writes them, and counts them for the budgets of those who pay. */
export function recordEndedRuns(connection: Connection, { rows, payers }: EndedRuns): Outcome<undefined> {
  for (const { sessionId, tokenId, at, toolCalls } of payers) {
    const day = payingDay(connection, at)
    addUsage(connection, { sessionId, tokenId, provider: '', model: '' }, day, { toolCalls })
    addToAccounts(connection, { sessionId, tokenId }, day, { toolCalls })
  }
  for (const row of rows) insertEnded(connection, row)
  return done
}

function together(runs: readonly EndedInvocation[]): EndedRuns {
  const payers = new Map<string, EndedRuns['payers'][number]>()
  for (const { sessionId, tokenId, startedAt: at } of runs) {
    const key = `${dayOf(at)} ${tokenId} ${sessionId}`
    const known = payers.get(key)
    if (known) known.toolCalls += 1
    else payers.set(key, { sessionId: sessionId ?? '', tokenId: tokenId ?? '', at, toolCalls: 1 })
  }
  return { rows: runs.map(endedRow), payers: [...payers.values()] }
}
