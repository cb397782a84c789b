import type { ReplyPayload } from '../../protocol/messages.ts'

/** What was spent on one day. */
export interface Spending {
  /** Null if no price is known. */
  costUsd: number | null
  tokens: number
  unpricedCalls: number
  /** The daily budget of the gateway that is nearest to its end, of those in money or tokens. */
  budget: { unit: 'USD' | 'tokens'; limit: number; spent: number } | undefined
}

/** The same out of a report of one day. */
export function spendingOf({ total, budgets }: ReplyPayload<'usage.get'>): Spending {
  const daily = budgets.flatMap(({ name, unit, limit, spent }) =>
    name.startsWith('daily') && (unit === 'USD' || unit === 'tokens') && limit > 0 ? [{ unit, limit, spent }] : [],
  )
  const [budget] = daily.sort((a, b) => b.spent / b.limit - a.spent / a.limit)
  const { costUsd, totalTokens, unpricedCalls } = total
  return { costUsd, tokens: totalTokens, unpricedCalls, budget }
}
