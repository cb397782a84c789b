import type { AuditEntry, BudgetState, Invocation, RequestKey } from '../store.ts'
import { addToAccounts, payingDay, statesOf } from './accounts.ts'
import { appendAudit } from './audit.ts'
import { taint } from './grants.ts'
import { earlier } from './idempotency.ts'
import type { Connection } from './open.ts'
import { type CommandInput, done, type Outcome } from './outcome.ts'
import { endInvocation, insertInvocation } from './tool-runs.ts'
import { addUsage } from './usage.ts'

interface InvocationRow {
  id: string
  token_id: string | null
  session_id: string | null
  run_id: string | null
  tool_name: string
  args: string
  started_at: number
  finished_at: number | null
  outcome: string | null
}

const invocationColumns = 'id, token_id, session_id, run_id, tool_name, args, started_at, finished_at, outcome'

function toInvocation(row: InvocationRow): Invocation {
  return {
    id: row.id,
    tokenId: row.token_id,
    sessionId: row.session_id,
    runId: row.run_id,
    toolName: row.tool_name,
    // Both were written below from objects.
    args: JSON.parse(row.args) as Record<string, unknown>,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as Record<string, unknown>),
  }
}

/** Is committed before the tool acts, so that after a crash nobody mistakes a tool that began for one that did not. */
export function beginInvocation(
  connection: Connection,
  input: CommandInput<'beginInvocation'>,
): Outcome<{ known: Invocation | undefined; refused?: BudgetState }> {
  const known = input.request && findInvocation(connection, input.request)
  if (known) return { result: { known }, changes: [] }
  const refused = countTool(connection, input)
  if (refused) return { result: { known: undefined, refused }, changes: [] }
  const tokenId = input.request?.tokenId ?? input.tokenId
  insertInvocation(connection, { ...input, tokenId }, input.request)
  return { result: { known: undefined }, changes: [] }
}

/** Counts a run of a tool, or says which budget does not allow it. */
function countTool(connection: Connection, input: CommandInput<'beginInvocation'>): BudgetState | undefined {
  const { limits = {}, startedAt } = input
  const payer = { sessionId: input.sessionId ?? '', tokenId: input.request?.tokenId ?? input.tokenId ?? '' }
  const day = payingDay(connection, startedAt)
  const used = statesOf(connection, payer, day, limits).find(
    ({ measure, spent, limit }) => measure === 'toolCalls' && spent >= limit,
  )
  if (used) return used
  addUsage(connection, { ...payer, provider: '', model: '' }, day, { toolCalls: 1 })
  addToAccounts(connection, payer, day, { toolCalls: 1 })
  return undefined
}

/** The first outcome stays: a tool that ends after it was given up changes nothing. */
export function finishInvocation(connection: Connection, input: CommandInput<'finishInvocation'>): Outcome<undefined> {
  const ended = endInvocation(connection, input)
  if (ended && input.audit) appendAudit(connection, input.audit)
  const runId = ended && input.taints ? getInvocation(connection, input.invocationId)?.runId : undefined
  return runId ? taint(connection, runId) : done
}

export function interruptInvocations(
  connection: Connection,
  { at }: CommandInput<'interruptInvocations'>,
): Outcome<{ interrupted: number }> {
  const left = connection
    .prepared<InvocationRow>(
      `SELECT ${invocationColumns} FROM tool_runs WHERE finished_at IS NULL ORDER BY started_at, rowid`,
    )
    .all()
  for (const row of left) {
    const outcome = {
      toolName: row.tool_name,
      invocationId: row.id,
      success: false,
      output: '',
      error: 'The gateway stopped while this tool ran.',
      code: 'INTERRUPTED',
      // A clock that was set back must not make a duration negative.
      durationMs: Math.max(0, at - row.started_at),
      truncated: false,
    }
    finishInvocation(connection, { invocationId: row.id, outcome, at, audit: interruption(row, at) })
  }
  return { result: { interrupted: left.length }, changes: [] }
}

function interruption(row: InvocationRow, at: number): AuditEntry {
  const details = { invocationId: row.id, sessionId: row.session_id, runId: row.run_id, code: 'INTERRUPTED' }
  // It is the gateway that says so; from where the tool was asked for died with the process.
  const from = { channel: 'gateway' as const, address: null, userAgent: null }
  return { at, action: 'tool.run', tokenId: row.token_id, ...from, target: row.tool_name, outcome: 'failed', details }
}

/** What this request began before. */
export function findInvocation(connection: Connection, request: RequestKey): Invocation | undefined {
  const found = earlier(connection, request, 'tool')
  return found && getInvocation(connection, found.reference)
}

export function getInvocation(connection: Connection, id: string): Invocation | undefined {
  const row = connection.prepared<InvocationRow>(`SELECT ${invocationColumns} FROM tool_runs WHERE id = ?`).get(id)
  return row && toInvocation(row)
}
