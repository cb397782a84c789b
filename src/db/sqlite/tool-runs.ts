import type { ToolOutcomeName } from '../../protocol/shapes.ts'
import type { EndedInvocation, InvocationItem, InvocationQuery, NewInvocation } from '../store.ts'
import { appendAudit } from './audit.ts'
import type { Connection } from './open.ts'
import { type CommandInput, done, type Outcome } from './outcome.ts'

// With the name of a tool or an outcome a page looks at this many runs, some milliseconds; the cursor then goes on where it stopped.
const maxScanned = 10_000
// No id is behind it.
const beyondAll = '\u{10FFFF}'
// Runs are kept for their history when their outcome is not.
const keptAfterReplyMs = 30 * 24 * 60 * 60_000

// One that nobody noted a decision of ran.
const isAllowed = "coalesce(decision ->> '$.allowed', 1)"
const outcomes: Record<ToolOutcomeName, string> = {
  succeeded: 'success = 1',
  failed: `success = 0 AND ${isAllowed}`,
  refused: `success = 0 AND NOT ${isAllowed}`,
  running: 'finished_at IS NULL',
}

interface ItemRow {
  id: string
  token_id: string | null
  session_id: string | null
  run_id: string | null
  tool_name: string
  args: string
  started_at: number
  finished_at: number | null
  dry_run: number
  tainted: number
  decision: string | null
  success: number | null
  code: string | null
  error: string | null
  duration_ms: number | null
  output_bytes: number | null
}

const itemColumns =
  'id, token_id, session_id, run_id, tool_name, args, started_at, finished_at, dry_run, tainted, decision, success, code, error, duration_ms, output_bytes'

/** One that was not let run: begun and ended at once, and no reply to anything. */
export function recordRefusal(connection: Connection, input: CommandInput<'recordRefusal'>): Outcome<undefined> {
  insertInvocation(connection, input)
  endInvocation(connection, { invocationId: input.id, outcome: input.outcome, at: input.at })
  if (input.audit) appendAudit(connection, input.audit)
  return done
}

export function insertInvocation(
  connection: Connection,
  input: NewInvocation,
  request?: { requestId: string; hash: string } | undefined,
): void {
  connection
    .prepared(
      `INSERT INTO tool_runs (id, token_id, session_id, run_id, tool_name, args, started_at, request_id, request_hash,
         dry_run, tainted, decision)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(...beginningOf(input, request))
}

type Value = string | number | null

function beginningOf(input: NewInvocation, request: { requestId: string; hash: string } | undefined): Value[] {
  return [
    input.id,
    input.tokenId,
    input.sessionId,
    input.runId,
    input.toolName,
    JSON.stringify(input.args),
    input.startedAt,
    request?.requestId ?? null,
    request?.hash ?? null,
    Number(input.dryRun ?? false),
    Number(input.tainted ?? false),
    input.decision === undefined ? null : JSON.stringify(input.decision),
  ]
}

function endingOf(outcome: Record<string, unknown>, at: number): Value[] {
  const { success, code, error, durationMs, output } = outcome
  return [
    JSON.stringify(outcome),
    at,
    Number(success === true),
    typeof code === 'string' ? code : null,
    typeof error === 'string' ? error : null,
    typeof durationMs === 'number' ? Math.round(durationMs) : null,
    typeof output === 'string' ? Buffer.byteLength(output) : null,
  ]
}

/** A whole row, in the order of `insertEnded`. */
export type EndedRow = Value[]

export function endedRow({ request, outcome, at, ...begun }: EndedInvocation): EndedRow {
  return [...beginningOf(begun, request), ...endingOf(outcome, at)]
}

export function insertEnded(connection: Connection, row: EndedRow): void {
  connection
    .prepared(
      `INSERT INTO tool_runs (id, token_id, session_id, run_id, tool_name, args, started_at, request_id, request_hash,
         dry_run, tainted, decision, outcome, finished_at, success, code, error, duration_ms, output_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(...row)
}

/** The first outcome stays. Whether this was it. */
export function endInvocation(
  connection: Connection,
  { invocationId, outcome, at }: { invocationId: string; outcome: Record<string, unknown>; at: number },
): boolean {
  const { changes } = connection
    .prepared(
      `UPDATE tool_runs SET outcome = ?, finished_at = ?, success = ?, code = ?, error = ?, duration_ms = ?, output_bytes = ?
       WHERE id = ? AND finished_at IS NULL`,
    )
    .run(...endingOf(outcome, at), invocationId)
  return changes === 1
}

/** Forgets outcomes that are past their time, and runs that are so for long; how many rows at most of one kind. */
export function pruneInvocations(connection: Connection, repliesBefore: number, maxRows: number): number {
  const replies = connection
    .prepared(
      `UPDATE tool_runs SET outcome = NULL, request_id = NULL, request_hash = NULL WHERE rowid IN (
         SELECT rowid FROM tool_runs WHERE finished_at < ? AND outcome IS NOT NULL ORDER BY finished_at LIMIT ?)`,
    )
    .run(repliesBefore, maxRows)
  const past = connection
    .prepared(
      `DELETE FROM tool_runs WHERE rowid IN (
         SELECT rowid FROM tool_runs WHERE finished_at < ? AND outcome IS NULL ORDER BY finished_at LIMIT ?)`,
    )
    .run(repliesBefore - keptAfterReplyMs, maxRows)
  return Math.max(replies.changes, past.changes)
}

/** A page of the history, newest first. Ids sort by time. */
export function listInvocations(
  connection: Connection,
  query: InvocationQuery,
): { items: InvocationItem[]; nextCursor: string | null } {
  const { limit, sessionId, toolName, outcome, before = beyondAll } = query
  const ofSession = sessionId === undefined ? '' : 'session_id = @sessionId AND '
  const scan = `SELECT ${itemColumns} FROM tool_runs WHERE ${ofSession}id < @before ORDER BY id DESC`
  const values = { sessionId, toolName, before, limit: limit + 1, maxScanned }
  const wanted = [...(toolName === undefined ? [] : ['tool_name = @toolName']), ...(outcome ? [outcomes[outcome]] : [])]
  const isScanned = wanted.length > 0
  const sql = isScanned
    ? `SELECT * FROM (${scan} LIMIT @maxScanned) WHERE ${wanted.join(' AND ')} LIMIT @limit`
    : `${scan} LIMIT @limit`
  const rows = connection.prepared<ItemRow>(sql).all(values)
  const page = rows.slice(0, limit)
  const scanEnd = () =>
    connection.prepared<{ id: string }>(`${scan} LIMIT 1 OFFSET @maxScanned - 1`).get(values)?.id ?? null
  const next = rows.length > limit ? (page.at(-1)?.id ?? null) : isScanned ? scanEnd() : null
  return { items: page.map(toItem), nextCursor: next }
}

export function getInvocationItem(connection: Connection, id: string): InvocationItem | undefined {
  const row = connection.prepared<ItemRow>(`SELECT ${itemColumns} FROM tool_runs WHERE id = ?`).get(id)
  return row && toItem(row)
}

function toItem(row: ItemRow): InvocationItem {
  return {
    id: row.id,
    tokenId: row.token_id,
    sessionId: row.session_id,
    runId: row.run_id,
    toolName: row.tool_name,
    // This and the decision were written above from objects.
    args: JSON.parse(row.args) as Record<string, unknown>,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    dryRun: row.dry_run === 1,
    tainted: row.tainted === 1,
    decision: row.decision === null ? null : (JSON.parse(row.decision) as Record<string, unknown>),
    success: row.success === null ? null : row.success === 1,
    code: row.code,
    error: row.error,
    durationMs: row.duration_ms,
    outputBytes: row.output_bytes,
  }
}
