import type { BudgetLimits, BudgetMeasure, BudgetScope, BudgetState } from '../../db/store.ts'

interface BudgetRow {
  scope: BudgetScope
  measure: BudgetMeasure
  doc: string
}

/** Every budget that is a setting `budget.<name>`. Settings, checks, `usage.get` and the metrics derive from this table. */
export const budgetTable = {
  dailyTokens: { scope: 'day', measure: 'tokens', doc: 'Tokens of all sessions together on one UTC day.' },
  dailyUsd: { scope: 'day', measure: 'microUsd', doc: 'USD for all sessions together on one UTC day.' },
  dailyToolCalls: { scope: 'day', measure: 'toolCalls', doc: 'Runs of tools of all sessions on one UTC day.' },
  dailyWallMs: { scope: 'day', measure: 'wallMs', doc: 'Time that all runs together take on one UTC day.' },
  sessionTokens: { scope: 'session', measure: 'tokens', doc: 'Tokens of one session, for as long as it lives.' },
  sessionUsd: { scope: 'session', measure: 'microUsd', doc: 'USD for one session, for as long as it lives.' },
  sessionToolCalls: { scope: 'session', measure: 'toolCalls', doc: 'Runs of tools in one session.' },
  sessionWallMs: { scope: 'session', measure: 'wallMs', doc: 'Time that all runs of one session take.' },
  tokenTokens: { scope: 'token', measure: 'tokens', doc: 'Tokens that one access token spends on one UTC day.' },
  tokenUsd: { scope: 'token', measure: 'microUsd', doc: 'USD that one access token spends on one UTC day.' },
  tokenToolCalls: { scope: 'token', measure: 'toolCalls', doc: 'Runs of tools of one access token on one UTC day.' },
  tokenWallMs: {
    scope: 'token',
    measure: 'wallMs',
    doc: 'Time that the runs of one access token take on one UTC day.',
  },
} as const satisfies Record<string, BudgetRow>

export type BudgetName = keyof typeof budgetTable
/** What a call can be refused for. */
export type RefusalName = BudgetName | 'runWallMs' | 'unknownPrice'
export type BudgetUnit = 'tokens' | 'USD' | 'toolCalls' | 'ms'

export const budgetNames = Object.keys(budgetTable) as BudgetName[] // The keys of a literal table, which Object.keys widens to string.
export const refusalNames: readonly RefusalName[] = [...budgetNames, 'runWallMs', 'unknownPrice']
export const microUsdPerUsd = 1_000_000

const units: Record<BudgetMeasure, BudgetUnit> = {
  tokens: 'tokens',
  microUsd: 'USD',
  toolCalls: 'toolCalls',
  wallMs: 'ms',
}

export function unitOf(name: BudgetName): BudgetUnit {
  return units[budgetTable[name].measure]
}

/** The limits that are set, as the store knows them. */
export function limitsOf(config: Readonly<Record<`budget.${BudgetName}`, number | null>>): BudgetLimits {
  const limits: BudgetLimits = {}
  for (const name of budgetNames) {
    const limit = config[`budget.${name}`]
    if (limit === null) continue
    const { scope, measure } = budgetTable[name]
    limits[scope] = { ...limits[scope], [measure]: measure === 'microUsd' ? Math.round(limit * microUsdPerUsd) : limit }
  }
  return limits
}

const ofTools = budgetNames.filter(name => budgetTable[name].measure === 'toolCalls')

/** Whether runs of tools are limited at all. */
export function limitsTools(config: Readonly<Record<`budget.${BudgetName}`, number | null>>): boolean {
  return ofTools.some(name => config[`budget.${name}`] !== null)
}

/** The setting behind a state. */
export function nameOf({ scope, measure }: Pick<BudgetState, 'scope' | 'measure'>): BudgetName {
  const found = budgetNames.find(name => budgetTable[name].scope === scope && budgetTable[name].measure === measure)
  if (!found) throw new Error(`There is no budget of ${measure} for a ${scope}.`)
  return found
}

/** An amount in the unit of its budget. */
export function inUnit(measure: BudgetMeasure, amount: number): number {
  return measure === 'microUsd' ? amount / microUsdPerUsd : amount
}
