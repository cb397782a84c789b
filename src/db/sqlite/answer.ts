import { TalonError } from '../../protocol/errors.ts'
import type { Usage } from '../../protocol/shapes.ts'
import type { Change, Run } from '../store.ts'
import { addToAccounts, payingDay } from './accounts.ts'
import { settleEnded, settleRun } from './budget.ts'
import { insertEntry, type NewEntry, nextSeq } from './messages.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'
import { clearPartialText, endRun } from './runs.ts'
import { followRun } from './sessions.ts'
import { addUsage } from './usage.ts'

/** @throws TalonError `CONFLICT` if the run has ended. */
export function appendToolCalls(connection: Connection, input: CommandInput<'appendToolCalls'>): Outcome<undefined> {
  const outcome = appendToRun(connection, input.runId, {
    id: input.messageId,
    role: 'assistant',
    content: input.content,
    at: input.at,
    runId: input.runId,
    toolCalls: input.toolCalls,
    usage: input.usage,
    model: input.model,
  })
  settleEnded(connection, input.ended, input.at)
  return outcome
}

/** @throws TalonError `CONFLICT` if the run has ended. */
export function appendToolResult(connection: Connection, input: CommandInput<'appendToolResult'>): Outcome<undefined> {
  return appendToRun(connection, input.runId, {
    id: input.messageId,
    role: 'tool',
    content: input.content,
    at: input.at,
    runId: input.runId,
    toolCallId: input.toolCallId,
  })
}

/** The run's end and its last entry are one commit: nobody sees an answer whose run goes on, or the reverse. */
export function finishRun(connection: Connection, input: CommandInput<'finishRun'>): Outcome<Run | undefined> {
  const run = endRun(connection, input)
  if (!run) return { result: undefined, changes: [] }
  countRun(connection, run, input)
  const { message } = input
  const entry: NewEntry | undefined = message && {
    id: message.id,
    role: 'assistant',
    content: message.content,
    at: input.at,
    runId: run.id,
    usage: message.usage,
    model: input.model,
    final: true,
    incomplete: message.incomplete,
  }
  const changes = append(connection, run.sessionId, input.epoch ?? run.epoch, input.at, entry, input.usage)
  // After the last entry, and of a deleted session too: what happened to a run is not said to its list.
  changes.push({ type: 'run.finished', run })
  return { result: run, changes }
}

/** What a run cost is counted in the commit that ends it. */
function countRun(connection: Connection, run: Run, input: CommandInput<'finishRun'>): void {
  settleEnded(connection, input.ended, input.at)
  settleRun(connection, run.id, input.message?.content ?? '')
  const { provider, model, wallMs = 0 } = input
  const payer = { sessionId: run.sessionId, tokenId: run.tokenId ?? '' }
  const day = payingDay(connection, input.at)
  const failed = Number(input.state === 'failed')
  addUsage(connection, { ...payer, provider: provider ?? '', model: model ?? '' }, day, { runs: 1, failed, wallMs })
  if (wallMs > 0) addToAccounts(connection, payer, day, { wallMs })
}

function appendToRun(connection: Connection, runId: string, entry: NewEntry): Outcome<undefined> {
  const run = clearPartialText(connection, runId)
  if (!run) throw new TalonError('CONFLICT', 'This run has ended.')
  return { result: undefined, changes: append(connection, run.sessionId, run.epoch, entry.at, entry, undefined) }
}

/** Puts an entry, if there is one, at the end of an epoch, which may be one that was reset meanwhile. */
function append(
  connection: Connection,
  sessionId: string,
  epoch: number,
  at: number,
  entry: NewEntry | undefined,
  usage: Usage | undefined,
): Change[] {
  const current = connection.prepared<{ epoch: number }>('SELECT epoch FROM sessions WHERE id = ?').get(sessionId)
  const inCurrent = current?.epoch === epoch
  const { session, deleted } = followRun(connection, {
    sessionId,
    appended: entry && inCurrent ? 1 : 0,
    at,
    inputTokens: usage?.inputTokens ?? 0,
    outputTokens: usage?.outputTokens ?? 0,
    totalTokens: usage?.totalTokens ?? 0,
  })
  const changes: Change[] = []
  if (entry) {
    const seq = inCurrent ? session.seq : nextSeq(connection, sessionId, epoch)
    changes.push({ type: 'entry', entry: insertEntry(connection, { sessionId, epoch, seq }, entry) })
  }
  changes.push({ type: 'session.updated', session })
  // Nobody may hear of a deleted session, but its log stays whole in case it is restored.
  return deleted ? [] : changes
}
