import type { Usage } from '../../protocol/shapes.ts'

/** USD for a million tokens. */
export interface Price {
  input: number
  output: number
}

/** Prices of today, by the name that a message has of its model. */
export type Prices = Readonly<Record<string, Price>>

/** What a session has used in all. */
export interface Spent {
  runs: number
  inputTokens: number
  outputTokens: number
  /** Null where no price is known. */
  costUsd: number | null
  /** Whether there is more in it than the cost tells, because some prices are not known. */
  hasUnpriced: boolean
}

const tokensPerPrice = 1_000_000

/** The cost of tokens at the price of today; undefined where it is not known. Names of models are text of others. */
export function costUsd(usage: Usage, model: string | undefined, prices: Prices): number | undefined {
  const price = model !== undefined && Object.hasOwn(prices, model) ? prices[model] : undefined
  if (!price) return undefined
  return (usage.inputTokens * price.input + usage.outputTokens * price.output) / tokensPerPrice
}

/** The sum with one more run in it. */
export function withRun(spent: Spent, usage: Usage | undefined, cost: number | undefined): Spent {
  if (!usage) return { ...spent, runs: spent.runs + 1 }
  return {
    runs: spent.runs + 1,
    inputTokens: spent.inputTokens + usage.inputTokens,
    outputTokens: spent.outputTokens + usage.outputTokens,
    // What is free has no price to show.
    costUsd: cost ? (spent.costUsd ?? 0) + cost : spent.costUsd,
    hasUnpriced: spent.hasUnpriced || cost === undefined,
  }
}

/** An amount of money: cents where there are any, else down to a millionth. */
export function usd(amount: number): string {
  const digits = amount >= 0.1 || amount === 0 ? 2 : amount >= 0.001 ? 4 : 6
  return `${amount.toFixed(digits)} USD`
}

/** A number of tokens, in words. */
export function tokens(count: number): string {
  return count === 1 ? '1 token' : `${count.toLocaleString('en')} tokens`
}
