import type { Prices } from '../../islands/conversation/spending.ts'
import type { App } from '../record.ts'

/** Prices by the name of the model alone, which is what a message has, where all providers of it agree. */
export function pricesOf(app: App): Prices {
  const prices = new Map<string, Prices[string] | undefined>()
  for (const name of app.models.list()) {
    const model = app.models.find(name)
    if (!model) continue
    const price = app.budgets.priceOf(model) ?? undefined
    const known = prices.get(model.id)
    const isSame = !prices.has(model.id) || (known?.input === price?.input && known?.output === price?.output)
    prices.set(model.id, isSame && price ? { input: price.input, output: price.output } : undefined)
  }
  return Object.fromEntries([...prices].flatMap(([name, price]) => (price ? [[name, price]] : [])))
}
