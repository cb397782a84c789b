import type { Invocation, RequestKey } from '../store.ts'
import { earlier } from './idempotency.ts'
import type { Connection } from './open.ts'
import { type CommandInput, done, type Outcome } from './outcome.ts'

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
): Outcome<{ known: Invocation | undefined }> {
  const known = input.request && findInvocation(connection, input.request)
  if (known) return { result: { known }, changes: [] }
  connection
    .prepared(
      `INSERT INTO tool_runs (id, token_id, session_id, run_id, tool_name, args, started_at, request_id, request_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      input.id,
      input.request?.tokenId ?? input.tokenId,
      input.sessionId,
      input.runId,
      input.toolName,
      JSON.stringify(input.args),
      input.startedAt,
      input.request?.requestId ?? null,
      input.request?.hash ?? null,
    )
  return { result: { known: undefined }, changes: [] }
}

/** The first outcome stays: a tool that ends after it was given up changes nothing. */
export function finishInvocation(connection: Connection, input: CommandInput<'finishInvocation'>): Outcome<undefined> {
  connection
    .prepared('UPDATE tool_runs SET outcome = ?, finished_at = ? WHERE id = ? AND finished_at IS NULL')
    .run(JSON.stringify(input.outcome), input.at, input.invocationId)
  return done
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
    finishInvocation(connection, { invocationId: row.id, outcome, at })
  }
  return { result: { interrupted: left.length }, changes: [] }
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
