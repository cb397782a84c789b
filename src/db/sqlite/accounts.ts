import { dayOf } from '../day.ts'
import type { BudgetLimits, BudgetMeasure, BudgetScope, BudgetState, Payer } from '../spending.ts'
import type { Connection } from './open.ts'
import { payingSession } from './payer.ts'

/** What is added to accounts at once; what is absent stays as it is. */
export interface Amounts {
  tokens?: number | undefined
  microUsd?: number | undefined
  toolCalls?: number | undefined
  wallMs?: number | undefined
  reservedTokens?: number | undefined
  reservedMicroUsd?: number | undefined
}

interface AccountRow {
  tokens: number
  micro_usd: number
  tool_calls: number
  wall_ms: number
  reserved_tokens: number
  reserved_micro_usd: number
}

// A day's account is read on that day, and where a clock went back.
const keptDays = 400
const maxRowsPerStep = 1_000

/**
 * The day that pays for what happens now. A clock that went back does not open a day again, nor one that was skipped:
 * the newest day that was ever paid from goes on until the clock has passed it.
 */
export function payingDay(connection: Connection, at: number): number {
  const newest = connection
    .prepared<number>("SELECT day FROM budget_accounts WHERE scope = 'day' AND key = '' ORDER BY day DESC LIMIT 1")
    .pluck()
    .get()
  return Math.max(dayOf(at), newest ?? 0)
}

/** Adds to the accounts of the gateway's day, of the session and of the token's day. */
export function addToAccounts(connection: Connection, payer: Payer, day: number, amounts: Amounts): void {
  for (const [scope, key, ofDay] of accountsOf(connection, payer, day)) {
    connection
      .prepared(
        `INSERT INTO budget_accounts (scope, key, day, tokens, micro_usd, tool_calls, wall_ms, reserved_tokens, reserved_micro_usd)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (scope, key, day) DO UPDATE SET tokens = tokens + excluded.tokens, micro_usd = micro_usd + excluded.micro_usd,
           tool_calls = tool_calls + excluded.tool_calls, wall_ms = wall_ms + excluded.wall_ms,
           reserved_tokens = reserved_tokens + excluded.reserved_tokens,
           reserved_micro_usd = reserved_micro_usd + excluded.reserved_micro_usd`,
      )
      .run(
        scope,
        key,
        ofDay,
        amounts.tokens ?? 0,
        amounts.microUsd ?? 0,
        amounts.toolCalls ?? 0,
        amounts.wallMs ?? 0,
        amounts.reservedTokens ?? 0,
        amounts.reservedMicroUsd ?? 0,
      )
  }
}

/** How far the budgets are used that have a limit, on this day. */
export function statesOf(connection: Connection, payer: Payer, day: number, limits: BudgetLimits): BudgetState[] {
  return accountsOf(connection, payer, day).flatMap(([scope, key, ofDay]) => {
    // The measures of a scope are those of the type.
    const bounds = Object.entries(limits[scope] ?? {}) as [BudgetMeasure, number][]
    if (bounds.length === 0) return []
    const row = connection
      .prepared<AccountRow>('SELECT * FROM budget_accounts WHERE scope = ? AND key = ? AND day = ?')
      .get(scope, key, ofDay)
    return bounds.map(([measure, limit]) => ({ scope, measure, limit, ...standing(row, measure), day }))
  })
}

/** For whoever wants to know, at a moment in Unix ms. */
export function budgetStates(
  connection: Connection,
  { payer, limits, at }: { payer: Payer; limits: BudgetLimits; at: number },
): BudgetState[] {
  return statesOf(connection, payer, payingDay(connection, at), limits)
}

/** Forgets days that no clock goes back to; true if there may be more of them. */
export function pruneAccounts(connection: Connection): boolean {
  // Counted from the newest day instead of the clock, which may be wrong for a moment.
  const before = payingDay(connection, 0) - keptDays
  const removed = (['day', 'token'] as const).map(
    scope =>
      connection
        .prepared(
          `DELETE FROM budget_accounts WHERE (scope, key, day) IN (
             SELECT scope, key, day FROM budget_accounts WHERE scope = ? AND day < ? LIMIT ?)`,
        )
        .run(scope, before, maxRowsPerStep).changes,
  )
  return removed.some(changes => changes === maxRowsPerStep)
}

function accountsOf(
  connection: Connection,
  { sessionId, tokenId }: Payer,
  day: number,
): [scope: BudgetScope, key: string, day: number][] {
  const accounts: [BudgetScope, string, number][] = [['day', '', day]]
  if (sessionId) accounts.push(['session', payingSession(connection, sessionId), 0])
  if (tokenId) accounts.push(['token', tokenId, day])
  return accounts
}

function standing(row: AccountRow | undefined, measure: BudgetMeasure): { spent: number; reserved: number } {
  switch (measure) {
    case 'tokens':
      return { spent: row?.tokens ?? 0, reserved: row?.reserved_tokens ?? 0 }
    case 'microUsd':
      return { spent: row?.micro_usd ?? 0, reserved: row?.reserved_micro_usd ?? 0 }
    case 'toolCalls':
      return { spent: row?.tool_calls ?? 0, reserved: 0 }
    case 'wallMs':
      return { spent: row?.wall_ms ?? 0, reserved: 0 }
  }
}
