import { costMicroUsd } from '../db/cost.ts'
import type { BudgetState, Store } from '../db/store.ts'
import { createDayWatch } from './budgets/day-watch.ts'
import { isFree, priceOf } from './budgets/prices.ts'
import { limitsOf, microUsdPerUsd, type RefusalName, refusalNames } from './budgets/table.ts'
import { exceeded, lineOf, nearlyUsed, outOfTime, unknownPrice } from './budgets/words.ts'
import type { Log } from './log.ts'
import type { Bus, Clock } from './record.ts'
import type { Budgets } from './record-budgets.ts'
import type { Metrics } from './record-metrics.ts'
import type { Config } from './settings.ts'

export { estimatedTokens } from '../db/cost.ts'
export { limitsTools } from './budgets/table.ts'

export interface BudgetDeps {
  config: Config
  store: Pick<Store, 'reserveCall' | 'budgetStates' | 'payingDay' | 'reopenDay'>
  bus: Pick<Bus, 'emit'>
  metrics: Pick<Metrics, 'add' | 'inc'>
  log: Log
  clock: Clock
}

const warnAt = 0.8
// One for each budget of each session and token that came near to its limit; beyond them a warning may come twice.
const maxWarned = 10_000

/** The budgets of one gateway: what the store counts, in the words and units of the settings. */
export function createBudgets(deps: BudgetDeps): Budgets {
  const { config, store, clock, metrics } = deps
  // Every key of the type is in the list.
  const refused = Object.fromEntries(refusalNames.map(name => [name, 0])) as Record<RefusalName, number>
  const warn = createWarner(deps)
  const limits = () => limitsOf(config)
  const statesOf: Budgets['list'] = async payer => {
    const states = await store.budgetStates({ payer, limits: limits(), at: clock.now() })
    return states.map(lineOf)
  }
  const refuse = (state: BudgetState) => {
    const line = lineOf(state)
    refused[line.name] += 1
    return exceeded(line)
  }
  return {
    priceOf: model => priceOf(model, config['budget.prices']),
    // Nobody pays for what is free, so that it is only watched for the sake of its tokens and time.
    watches: price => !isFree(price) || Object.keys(limits()).length > 0,
    limits,
    refuse,
    async reserve(input) {
      const { call, runId } = input
      const bounds = limits()
      const hasMoney = Object.values(bounds).some(({ microUsd }) => microUsd !== undefined)
      if (hasMoney && call.price === null && config['budget.unknownPrices'] === 'refuse') {
        refused.unknownPrice += 1
        throw unknownPrice(`${call.provider}/${call.model}`)
      }
      const { refused: used, states } = await store.reserveCall({ ...input, limits: bounds, at: clock.now() })
      if (used) throw refuse(used)
      if (runId !== null) warn(states, { sessionId: call.sessionId, tokenId: call.tokenId, runId })
    },
    note(call) {
      const { provider, model } = call
      const microUsd = costMicroUsd(call.price, call)
      if (microUsd === null) metrics.inc('talon_unpriced_calls_total', provider, model)
      else metrics.add('talon_cost_usd_total', microUsd / microUsdPerUsd, provider, model)
    },
    outOfTime(limitMs) {
      refused.runWallMs += 1
      return outOfTime(limitMs)
    },
    list: statesOf,
    async look(payer) {
      const bounds = limits()
      if (Object.keys(bounds).length === 0) return
      try {
        warn(await store.budgetStates({ payer, limits: bounds, at: clock.now() }), payer)
      } catch (error) {
        deps.log.warn({ err: error }, 'the budgets could not be read')
      }
    },
    watchDay: createDayWatch(deps),
    stats: () => ({ refused }),
  }
}

interface Warned {
  sessionId: string
  tokenId: string
  runId: string
}

/** Warns once of each budget, in the log and in the session whose run came near to it. */
function createWarner({ bus, log }: BudgetDeps): (states: readonly BudgetState[], of: Warned) => void {
  const warned = new Set<string>()
  return (states, { sessionId, tokenId, runId }) => {
    for (const state of states) {
      if (state.spent < state.limit * warnAt) continue
      const owner = { day: '', session: sessionId, token: tokenId }[state.scope]
      const key = [state.scope, state.measure, state.limit, state.scope === 'session' ? '' : state.day, owner].join(' ')
      if (warned.has(key)) continue
      if (warned.size >= maxWarned) warned.clear()
      warned.add(key)
      const line = lineOf(state)
      const message = nearlyUsed(line)
      log.warn({ budget: line.name, spent: line.spent, limit: line.limit, sessionId, runId }, message)
      const { name: budget, unit, limit, spent, resetsAt } = line
      bus.emit('budget.warning', { sessionId, runId, budget, unit, limit, spent, resetsAt, message })
    }
  }
}
