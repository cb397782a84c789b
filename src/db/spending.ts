import type { ModelPrice } from './cost.ts'

export type { ModelPrice } from './cost.ts'

/** What has a budget: everything on one UTC day, one session for as long as it lives, one token on one UTC day. */
export type BudgetScope = 'day' | 'session' | 'token'
export type BudgetMeasure = 'tokens' | 'microUsd' | 'toolCalls' | 'wallMs'

/** What may be spent; what is absent has no bound. */
export type BudgetLimits = Partial<Record<BudgetScope, Partial<Record<BudgetMeasure, number>>>>

/** How far one budget is used. */
export interface BudgetState {
  scope: BudgetScope
  measure: BudgetMeasure
  limit: number
  spent: number
  /** Set aside for calls of models that are under way. */
  reserved: number
  /** Days since 1970-01-01 in UTC; the one that is paid from now. */
  day: number
}

/** Whose budgets are meant; those of the whole gateway always are. */
export interface Payer {
  sessionId?: string | undefined
  tokenId?: string | undefined
}

/** One call of a model, in its payer's name. Empty text where there is no token. */
export interface ModelCall {
  id: string
  sessionId: string
  tokenId: string
  provider: string
  model: string
  /** Null if it is not known. */
  price: ModelPrice | null
  inputTokens: number
  outputTokens: number
}

/** A call that is over, with what it took. */
export interface EndedCall extends ModelCall {
  /** Whether something was set aside for it; then it is counted once, however often it is handed in. */
  reserved: boolean
  /** Of the input, what the provider had from an earlier call. */
  cachedInputTokens?: number | undefined
  /** The provider told no count. */
  estimated: boolean
  /** The provider refused it before it said anything: nothing was spent. */
  refused?: boolean | undefined
}

export interface Reservation {
  /** With the most tokens that it may take. */
  call: ModelCall
  /** The run that asks, which must be at work; null for a call of no run. */
  runId: string | null
  /** What this call has taken by now, where it asks for more. */
  used?: { inputTokens: number; outputTokens: number } | undefined
  /** Wall time of this run so far, which is counted at its end. */
  elapsedMs?: number | undefined
  limits: BudgetLimits
  /** Calls that ended before, and that no entry paid for. */
  ended: readonly EndedCall[]
  at: number
}

/** Set aside, with how far the budgets are used; or refused by the first of them that is used up, and nothing was set aside. */
export interface Reserved {
  refused: BudgetState | undefined
  states: BudgetState[]
}

export interface SpendingCommands {
  /** Sets something aside for a call of a model, or says which budget is used up. `CANCELLED` if its run has ended. */
  reserveCall(input: Reservation): Promise<Reserved>
  /** Counts calls of models that no entry pays for. */
  settleCalls(input: { ended: readonly EndedCall[]; at: number }): Promise<void>
  /** At start, once the runs of a dead process have ended: counts what its other calls may have cost. */
  settleLeftOver(input: object): Promise<{ settled: number }>
  /** Forgets the accounts of days that the clock has not reached; false while calls are under way that they pay for. */
  reopenDay(input: { at: number }): Promise<{ reopened: boolean }>
}

export interface SpendingQueries {
  /** How far those budgets are used that have a limit. */
  budgetStates(query: { payer: Payer; limits: BudgetLimits; at: number }): Promise<BudgetState[]>
  /** The day that pays for what happens now: that of the clock, or the newest that ever paid. */
  payingDay(at: number): Promise<number>
  /** All that a session spent; its days are few. */
  sessionSpending(sessionId: string): Promise<UsageSum>
}

export type UsageGrouping = 'day' | 'session' | 'model' | 'token'

export interface UsageQuery {
  /** Unix milliseconds; every UTC day that overlaps `[from, to)` counts as a whole. */
  from: number
  to: number
  by: UsageGrouping
  /** Of days the first so many, of all else those that took the most tokens. */
  limit: number
}

/** What was spent together. */
export interface UsageSum {
  runs: number
  /** Of these runs, those that failed. */
  failed: number
  /** Calls of models. */
  calls: number
  /** Of these calls, those of which the provider told no count. */
  estimatedCalls: number
  /** Of these calls, those whose price is not known: the cost holds nothing of them. */
  unpricedCalls: number
  inputTokens: number
  outputTokens: number
  totalTokens: number
  /** Millionths of a USD; null where all calls are of unknown price. */
  microUsd: number | null
  toolCalls: number
  /** Wall time of the runs. */
  wallMs: number
}

/** A row of one grouping: only what it is grouped by is there. Null stands for what has no model, session or token. */
export interface UsageRow extends UsageSum {
  /** `2026-11-23`. */
  day?: string
  sessionId?: string | null
  /** Of a session that is there. */
  title?: string | null
  provider?: string | null
  model?: string | null
  tokenId?: string | null
  tokenName?: string | null
}

export interface UsageReport {
  rows: UsageRow[]
  /** Whether there are more rows than these. */
  more: boolean
  /** Of all, shown or not. */
  total: UsageSum
}
