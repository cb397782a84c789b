import type { Change, Cut, Run } from '../store.ts'
import { finishRun } from './answer.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'
import { unfinishedRunsOf } from './runs.ts'
import { hideSession, nextEpoch } from './sessions.ts'

/** What still runs or waits belongs to the old epoch, and ends there before the new one begins. */
export function resetSession(
  connection: Connection,
  { sessionId, at, cut }: CommandInput<'resetSession'>,
): Outcome<{ sessionId: string; epoch: number; ended: string[] }> {
  const { ended, changes } = endRuns(connection, sessionId, at, cut)
  const session = nextEpoch(connection, sessionId, at)
  const { epoch } = session
  changes.push({ type: 'session.reset', sessionId, epoch }, { type: 'session.updated', session })
  return { result: { sessionId, epoch, ended }, changes }
}

export function deleteSession(
  connection: Connection,
  { sessionId, at, cut }: CommandInput<'deleteSession'>,
): Outcome<{ sessionId: string; ended: string[] }> {
  const { ended, changes } = endRuns(connection, sessionId, at, cut)
  hideSession(connection, sessionId, at)
  changes.push({ type: 'session.deleted', sessionId })
  return { result: { sessionId, ended }, changes }
}

/** Cancels every unfinished run of a session but one; what the one at work had said becomes its last entry. */
function endRuns(
  connection: Connection,
  sessionId: string,
  at: number,
  cut: Cut,
): { ended: string[]; changes: Change[] } {
  const ended: string[] = []
  const changes: Change[] = []
  for (const run of unfinishedRunsOf(connection, sessionId)) {
    if (run.id === cut.keepRunId) continue
    const content = textOf(run, cut)
    const message = content === '' ? undefined : { id: cut.messageId, content, incomplete: true }
    const error = 'Cancelled.'
    const usage = run.id === cut.live?.runId ? cut.live.usage : undefined
    const outcome = finishRun(connection, { runId: run.id, state: 'cancelled', error, message, usage, at })
    ended.push(run.id)
    // The session as a whole is told of once, by the caller.
    for (const change of outcome.changes) if (change.type !== 'session.updated') changes.push(change)
  }
  return { ended, changes }
}

/** Only one run of a session works at a time, so one message id is enough. */
function textOf(run: Run, cut: Cut): string {
  if (run.state !== 'running') return ''
  return run.id === cut.live?.runId ? cut.live.text : run.partialText
}
