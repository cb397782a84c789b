import type { UsageSum } from '../db/store.ts'
import { microUsdPerUsd } from './budgets/table.ts'
import { amount, usd } from './budgets/words.ts'
import type { BudgetLine } from './record-budgets.ts'

/** What a session cost and how far its budgets are used, a line of Markdown each. */
export function usageLines(
  { microUsd, unpricedCalls, toolCalls, wallMs }: UsageSum,
  budgets: readonly BudgetLine[],
): string[] {
  const unknown = unpricedCalls > 0 ? `${unpricedCalls} calls at a price that is not known` : undefined
  const known = microUsd === null ? undefined : usd(microUsd / microUsdPerUsd)
  return [
    `- Cost: ${[known, unknown].filter(part => part !== undefined).join(', and ')}`,
    `- Tools: ${toolCalls} runs; time: ${amount(wallMs, 'ms')}`,
    ...budgets.map(budgetLine),
  ]
}

function budgetLine({ name, unit, limit, spent, reserved }: BudgetLine): string {
  const aside = reserved > 0 ? `, ${amount(reserved, unit)} set aside` : ''
  return `- Budget ${name}: ${amount(spent, unit)} of ${amount(limit, unit)}${aside}`
}
