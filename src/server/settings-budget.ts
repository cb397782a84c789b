import * as z from 'zod'
import { type BudgetName, budgetTable } from './budgets/table.ts'

const dayMs = 86_400_000
const whole = 'must be a whole number of at least 1, or null for none'
const money = 'must be a positive number of USD, or null for none'
const time = `must be a whole number of milliseconds from 1,000 to ${dayMs.toLocaleString('en')}, or null for none`
const count = z.number(whole).int(whole).min(1, whole).max(1e15, whole).nullable()
// A millionth is the least that is counted.
const usd = z.number(money).min(0.000_001, money).max(1e9, money).nullable()

const price = 'must be a positive number of USD for a million tokens'
const tokenPrice = z.number(price).positive(price).max(1e6, price)
const prices = z
  .record(
    z.string().min(1).max(300),
    z.union(
      [
        z.literal('free'),
        z.strictObject({ input: tokenPrice, output: tokenPrice, cachedInput: tokenPrice.optional() }),
      ],
      'must be {"input": …, "output": …, "cachedInput": …} in positive USD for a million tokens, or "free"',
    ),
  )
  .refine(table => Object.keys(table).length <= 1_000, 'at most 1,000 models')

interface BudgetSetting {
  schema: typeof count
  default: null
  doc: string
  live: true
}

/** The settings of the section `budget` that the table of budgets makes. */
const tableSettings = Object.fromEntries(
  Object.entries(budgetTable).map(([name, { measure, doc }]): [string, BudgetSetting] => {
    const words = measure === 'wallMs' ? doc.replace('Time', 'Milliseconds') : doc
    return [
      `budget.${name}`,
      { schema: measure === 'microUsd' ? usd : count, default: null, doc: `${words} null sets no bound.`, live: true },
    ]
  }),
  // The keys are those of the table, which fromEntries widens to string.
) as { [K in BudgetName as `budget.${K}`]: BudgetSetting }

/** The settings of the section `budget`, in the table of `settings.ts`. */
export const budgetSettings = {
  ...tableSettings,
  'budget.runWallMs': {
    schema: z.number(time).int(time).min(1_000, time).max(dayMs, time).nullable(),
    default: null,
    doc: 'Milliseconds that one run may take, its tools included; then it ends as failed. null sets no bound.',
    live: true,
  },
  'budget.prices': {
    schema: prices,
    default: {},
    doc: 'What models cost: {"provider/model" or "model": {"input", "output", "cachedInput"}} in USD for a million tokens, or "free". They win over the list prices that are built in. See docs/budgets.md.',
    live: true,
  },
  'budget.unknownPrices': {
    schema: z.enum(['refuse', 'allow']),
    default: 'refuse',
    doc: 'Whether a model whose price is not known may be asked while there is a budget in USD.',
    live: true,
  },
} as const
