import type { BudgetLimits, BudgetState, EndedCall, ModelCall, ModelPrice, Payer } from '../db/store.ts'
import type { TalonError } from '../protocol/errors.ts'
import type { PricedModel } from './budgets/prices.ts'
import type { BudgetName, BudgetUnit, RefusalName } from './budgets/table.ts'

/** One budget that is set, in its unit. */
export interface BudgetLine {
  name: BudgetName
  unit: BudgetUnit
  limit: number
  spent: number
  /** Set aside for calls of models that are under way. */
  reserved: number
  /** Unix ms; null where it never begins anew. */
  resetsAt: number | null
}

export interface ReserveInput {
  call: ModelCall
  /** Null for a call of no run. */
  runId: string | null
  /** What this call has taken by now, where it asks for more. */
  used?: { inputTokens: number; outputTokens: number } | undefined
  elapsedMs?: number | undefined
  /** Calls that are over, to be counted first. */
  ended: readonly EndedCall[]
}

/** What may be spent, and what was. Limits and prices are those of the settings at each look. */
export interface Budgets {
  /** Null if none is known. */
  priceOf(model: PricedModel): ModelPrice | null
  /** Whether something has to be set aside for a call at this price. */
  watches(price: ModelPrice | null): boolean
  /**
   * Sets aside what a call may take at most.
   * @throws TalonError `BUDGET_EXCEEDED`, `CANCELLED` if the run has ended, or what the store throws
   */
  reserve(input: ReserveInput): Promise<void>
  /** Counts the cost of a call for the metrics; the store counts it with the entry that it pays for. */
  note(call: EndedCall): void
  /** Refuses a run that takes longer. */
  outOfTime(limitMs: number): TalonError
  limits(): BudgetLimits
  /** Counts a refusal of the store, and says it in words. */
  refuse(state: BudgetState): TalonError
  /** Those that are set, with how far they are used. */
  list(payer: Payer): Promise<BudgetLine[]>
  /** Tells, once for each, of budgets of which four fifths are used. It never rejects. */
  look(payer: { sessionId: string; tokenId: string; runId: string }): Promise<void>
  /** Looks, now and then, whether the clock went back. */
  watchDay(): Promise<void>
  stats(): BudgetStats
}

export interface BudgetStats {
  /** Refusals since the start, by what refused. */
  refused: Readonly<Record<RefusalName, number>>
}
