import type { ModelPrice } from '../../db/store.ts'

/** What prices are asked for. */
export interface PricedModel {
  provider: string
  id: string
  /** It costs nothing and never will. */
  free?: boolean | undefined
}

/** The setting `budget.prices`. */
export type OwnPrices = Readonly<Record<string, ModelPrice | 'free'>>

/** When these were the makers' list prices: without taxes, batches, long contexts or writes to a cache. */
export const listPricesAsOf = 'March 2026'

const listPrices: Readonly<Record<string, ModelPrice>> = {
  'claude-opus-4-6': { input: 5, output: 25, cachedInput: 0.5 },
  'claude-opus-4-5': { input: 5, output: 25, cachedInput: 0.5 },
  'claude-opus-4-1': { input: 15, output: 75, cachedInput: 1.5 },
  'claude-opus-4': { input: 15, output: 75, cachedInput: 1.5 },
  'claude-sonnet-4-6': { input: 3, output: 15, cachedInput: 0.3 },
  'claude-sonnet-4-5': { input: 3, output: 15, cachedInput: 0.3 },
  'claude-sonnet-4': { input: 3, output: 15, cachedInput: 0.3 },
  'claude-haiku-4-5': { input: 1, output: 5, cachedInput: 0.1 },
  'claude-3-5-haiku': { input: 0.8, output: 4, cachedInput: 0.08 },
  'claude-3-haiku': { input: 0.25, output: 1.25, cachedInput: 0.03 },
  'gpt-5.4': { input: 2.5, output: 15 },
  'gpt-5.1': { input: 1.25, output: 10, cachedInput: 0.125 },
  'gpt-5': { input: 1.25, output: 10, cachedInput: 0.125 },
  'gpt-5-mini': { input: 0.25, output: 2, cachedInput: 0.025 },
  'gpt-5-nano': { input: 0.05, output: 0.4, cachedInput: 0.005 },
  'gpt-4.1': { input: 2, output: 8, cachedInput: 0.5 },
  'gpt-4.1-mini': { input: 0.4, output: 1.6, cachedInput: 0.1 },
  'gpt-4.1-nano': { input: 0.1, output: 0.4, cachedInput: 0.025 },
  'gpt-4o': { input: 2.5, output: 10, cachedInput: 1.25 },
  'gpt-4o-mini': { input: 0.15, output: 0.6, cachedInput: 0.075 },
  o3: { input: 2, output: 8, cachedInput: 0.5 },
  'o3-mini': { input: 1.1, output: 4.4 },
  'o4-mini': { input: 1.1, output: 4.4, cachedInput: 0.275 },
}

const free: ModelPrice = { input: 0, output: 0 }
// `claude-sonnet-4-5-20250929` and `gpt-4o-2024-08-06` cost what the name without its date does.
const dated = /-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$/

/** The price of a model: that of the settings, by `provider/model` or `model`, else its maker's; null if none is known. */
export function priceOf({ provider, id, free: isFree }: PricedModel, own: OwnPrices): ModelPrice | null {
  const set = entry(own, `${provider}/${id}`) ?? entry(own, id)
  if (set !== undefined) return set === 'free' ? free : set
  if (isFree) return free
  return entry(listPrices, id) ?? entry(listPrices, id.replace(dated, '')) ?? null
}

export function isFree(price: ModelPrice | null): boolean {
  return price !== null && price.input === 0 && price.output === 0
}

/** Names of models are text of somebody else, and may be those of every object's own methods. */
function entry<Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
