import { dayName, dayOf } from '../day.ts'
import type { UsageGrouping, UsageQuery, UsageReport, UsageRow, UsageSum } from '../spending.ts'
import { stillWanted } from './guard.ts'
import type { Connection } from './open.ts'

/** Whom something is counted for. Empty text where there is none. */
export interface UsageKey {
  sessionId: string
  tokenId: string
  provider: string
  model: string
}

type Counted = Partial<Omit<UsageSum, 'totalTokens' | 'microUsd'>> & { microUsd?: number }

/** The columns of what is counted, by their names outside. */
const names = {
  runs: 'runs',
  failed: 'failed',
  calls: 'calls',
  estimatedCalls: 'estimated_calls',
  unpricedCalls: 'unpriced_calls',
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  microUsd: 'micro_usd',
  toolCalls: 'tool_calls',
  wallMs: 'wall_ms',
}
const figures = Object.values(names)
const keys = 'day, session_id, token_id, provider, model'
const insert = `INSERT INTO usage_days (${keys}, ${figures.join(', ')})`
const addUp = `ON CONFLICT (${keys}) DO UPDATE SET ${figures.map(name => `${name} = ${name} + excluded.${name}`).join(', ')}`

/** Counts something for a UTC day. */
export function addUsage(connection: Connection, key: UsageKey, day: number, counted: Counted): void {
  connection
    .prepared(`${insert} VALUES (${Array.from({ length: 5 + figures.length }, () => '?').join(', ')}) ${addUp}`)
    .run(
      day,
      key.sessionId,
      key.tokenId,
      key.provider,
      key.model,
      counted.runs ?? 0,
      counted.failed ?? 0,
      counted.calls ?? 0,
      counted.estimatedCalls ?? 0,
      counted.unpricedCalls ?? 0,
      counted.inputTokens ?? 0,
      counted.outputTokens ?? 0,
      counted.microUsd ?? 0,
      counted.toolCalls ?? 0,
      counted.wallMs ?? 0,
    )
}

/**
 * Keeps what an erased session spent, without its id: the sums of the days stay, and rows do not pile up. True if there
 * may be more of it.
 */
export function forgetSession(connection: Connection, sessionId: string, maxRows: number): boolean {
  const some = `session_id = @sessionId AND (day, token_id, provider, model) IN (
    SELECT day, token_id, provider, model FROM usage_days WHERE session_id = @sessionId
    ORDER BY day, token_id, provider, model LIMIT @maxRows)`
  const input = { sessionId, maxRows }
  connection
    .prepared(
      `${insert} SELECT day, '', token_id, provider, model, ${figures.join(', ')} FROM usage_days WHERE ${some} ${addUp}`,
    )
    .run(input)
  const { changes } = connection.prepared(`DELETE FROM usage_days WHERE ${some}`).run(input)
  connection.prepared("DELETE FROM budget_accounts WHERE scope = 'session' AND key = ? AND day = 0").run(sessionId)
  return changes === maxRows
}

const sums = Object.entries(names)
  .map(([name, column]) => `sum(${column}) AS ${name}`)
  .join(', ')
const mostFirst = 'inputTokens + outputTokens DESC, microUsd DESC'

/**
 * One scan for the groups and their sum, which is the first row and has no keys.
 * @param label of a group, by its keys; null without it
 */
function question(keys: Record<string, string>, order: string, label = 'NULL'): string {
  const columns = Object.entries(keys).map(([name, column]) => `${column} AS ${name}`)
  const none = Object.keys(keys).map(name => `NULL AS ${name}`)
  const totals = Object.keys(names).map(name => `sum(${name}) AS ${name}`)
  const group = Object.keys(keys).join(', ')
  // The table has no rowid, because it lies in the order of its days.
  return `WITH groups AS MATERIALIZED (
      SELECT ${[...columns, sums].join(', ')} FROM usage_days
      WHERE ${stillWanted('random()')} AND day BETWEEN @first AND @last GROUP BY ${group})
    SELECT ${[...none, ...totals].join(', ')}, NULL AS label FROM groups
    UNION ALL SELECT *, ${label} FROM (SELECT * FROM groups ORDER BY ${order} LIMIT @limit)`
}

/** The whole text of each question, so that there are as many statements as groupings. */
const questions: Record<UsageGrouping, string> = {
  day: question({ day: 'day' }, 'day'),
  session: question(
    { sessionId: 'session_id' },
    `${mostFirst}, sessionId`,
    '(SELECT title FROM sessions WHERE id = sessionId AND deleted_at IS NULL)',
  ),
  model: question({ provider: 'provider', model: 'model' }, `${mostFirst}, provider, model`),
  token: question({ tokenId: 'token_id' }, `${mostFirst}, tokenId`, '(SELECT name FROM tokens WHERE id = tokenId)'),
}

type SumRow = { [K in keyof typeof names]: number | null }
interface GroupRow extends SumRow {
  day?: number
  sessionId?: string
  provider?: string
  model?: string
  tokenId?: string
  label: string | null
}

/** What was spent in some days, by one of its groupings, with the sum of all. */
export function usage(connection: Connection, { from, to, by, limit }: UsageQuery): UsageReport {
  const days = { first: dayOf(from), last: dayOf(Math.max(from, to - 1)) }
  const [total, ...rows] = connection.prepared<GroupRow>(questions[by]).all({ ...days, limit: limit + 1 })
  return {
    rows: rows.slice(0, limit).map(row => ({ ...groupOf(row), ...sumOf(row) })),
    more: rows.length > limit,
    total: sumOf(total),
  }
}

export function sessionSpending(connection: Connection, sessionId: string): UsageSum {
  return sumOf(connection.prepared<SumRow>(`SELECT ${sums} FROM usage_days WHERE session_id = ?`).get(sessionId))
}

function groupOf({ day, sessionId, provider, model, tokenId, label }: GroupRow): Partial<UsageRow> {
  if (day !== undefined) return { day: dayName(day) }
  if (sessionId !== undefined) return { sessionId: sessionId || null, title: label }
  if (tokenId !== undefined) return { tokenId: tokenId || null, tokenName: label }
  return { provider: provider || null, model: model || null }
}

/** Sums over no row at all are null. */
function sumOf(row: SumRow | undefined): UsageSum {
  const calls = row?.calls ?? 0
  const unpricedCalls = row?.unpricedCalls ?? 0
  const inputTokens = row?.inputTokens ?? 0
  const outputTokens = row?.outputTokens ?? 0
  return {
    runs: row?.runs ?? 0,
    failed: row?.failed ?? 0,
    calls,
    estimatedCalls: row?.estimatedCalls ?? 0,
    unpricedCalls,
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    microUsd: calls > 0 && calls === unpricedCalls ? null : (row?.microUsd ?? 0),
    toolCalls: row?.toolCalls ?? 0,
    wallMs: row?.wallMs ?? 0,
  }
}
