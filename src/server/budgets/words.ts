import { dayMs } from '../../db/day.ts'
import type { BudgetState } from '../../db/store.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { BudgetLine } from '../record-budgets.ts'
import { budgetTable, inUnit, nameOf, unitOf } from './table.ts'

/** A budget for whoever wants to know how far it is used. */
export function lineOf({ scope, measure, limit, spent, reserved, day }: BudgetState): BudgetLine {
  const name = nameOf({ scope, measure })
  return {
    name,
    unit: unitOf(name),
    limit: inUnit(measure, limit),
    spent: inUnit(measure, spent),
    reserved: inUnit(measure, reserved),
    resetsAt: scope === 'session' ? null : (day + 1) * dayMs,
  }
}

/** What somebody hears whose call a budget refused. */
export function exceeded(line: BudgetLine): TalonError {
  const { name, unit, limit, spent, reserved, resetsAt } = line
  const aside = reserved > 0 ? `, and ${amount(reserved, unit)} set aside for calls that are under way` : ''
  const words = `The budget of ${whose[budgetTable[name].scope]} is used up: ${amount(spent, unit)} of ${amount(limit, unit)} spent${aside}. ${wayOut(name, resetsAt)}`
  return new TalonError('BUDGET_EXCEEDED', words, {
    details: { budget: name, unit, limit, spent, reserved, resetsAt },
  })
}

/** What is logged and shown before that. */
export function nearlyUsed({ name, unit, limit, spent }: BudgetLine): string {
  const percent = Math.floor((100 * spent) / limit)
  return `${percent} % of the budget of ${whose[budgetTable[name].scope]} is used: ${amount(spent, unit)} of ${amount(limit, unit)} (budget.${name}).`
}

export function outOfTime(limitMs: number): TalonError {
  const words = `This run took longer than ${amount(limitMs, 'ms')}. The setting is budget.runWallMs.`
  return new TalonError('BUDGET_EXCEEDED', words, {
    details: { budget: 'runWallMs', unit: 'ms', limit: limitMs, spent: limitMs, reserved: 0, resetsAt: null },
  })
}

export function unknownPrice(model: string): TalonError {
  const words = `There is a budget in USD, and no price is known for ${model}. Set one in budget.prices, or budget.unknownPrices to "allow".`
  return new TalonError('BUDGET_EXCEEDED', words, { details: { budget: 'unknownPrice', model } })
}

/** An amount for a person. */
export function amount(value: number, unit: BudgetLine['unit']): string {
  switch (unit) {
    case 'tokens':
      return `${value.toLocaleString('en')} tokens`
    case 'USD':
      return usd(value)
    case 'toolCalls':
      return `${value.toLocaleString('en')} runs of tools`
    case 'ms':
      return `${(value / 1_000).toLocaleString('en', { maximumFractionDigits: 1 })} s`
  }
}

/** Cents where there are any, else down to a millionth. */
export function usd(value: number): string {
  return `${value.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: value < 0.1 ? 6 : 2 })} USD`
}

const whose = { day: 'this day', session: 'this session', token: 'this access token for this day' }

function wayOut(name: BudgetLine['name'], resetsAt: number | null): string {
  const raise = `raise budget.${name}.`
  if (resetsAt === null) return `Go on in another session, or ${raise}`
  return `It begins anew at ${new Date(resetsAt).toISOString().slice(0, 16).replace('T', ' ')} UTC, or ${raise}`
}
