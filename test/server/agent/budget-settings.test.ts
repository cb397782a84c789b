import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { priceOf } from '../../../src/server/budgets/prices.ts'
import { budgetNames, limitsOf } from '../../../src/server/budgets/table.ts'
import { loadConfig } from '../../../src/server/config.ts'
import { type TestGateway, testGateway } from '../../support/gateway.ts'

const bad: [what: string, changes: Record<string, unknown>, says: RegExp][] = [
  [
    'a limit of 0',
    { 'budget.dailyTokens': 0 },
    /^budget\.dailyTokens: must be a whole number of at least 1.*\(got 0\)/,
  ],
  ['half a token', { 'budget.sessionTokens': 1.5 }, /^budget\.sessionTokens: must be a whole number.*\(got 1\.5\)/],
  ['no money', { 'budget.tokenUsd': 0 }, /^budget\.tokenUsd: must be a positive number of USD.*\(got 0\)/],
  ['less than no money', { 'budget.dailyUsd': -1 }, /^budget\.dailyUsd: must be a positive number of USD.*\(got -1\)/],
  ['words', { 'budget.dailyUsd': 'much' }, /^budget\.dailyUsd: must be a positive number of USD.*\(got "much"\)/],
  ['no time', { 'budget.runWallMs': 5 }, /^budget\.runWallMs: must be a whole number of milliseconds.*\(got 5\)/],
  [
    'a budget that is none',
    { 'budget.dailyEuro': 5 },
    /There is no setting "budget\.dailyEuro"\. Did you mean "budget\./,
  ],
  ['a price of 0', { 'budget.prices': { m: { input: 0, output: 1 } } }, /^budget\.prices: must be .*positive.* at m/],
  ['half a price', { 'budget.prices': { m: { input: 1 } } }, /^budget\.prices: must be \{"input".* at m/],
  ['a price in words', { 'budget.prices': { m: 'cheap' } }, /^budget\.prices: must be \{"input".* at m/],
  ['a policy that is none', { 'budget.unknownPrices': 'maybe' }, /^budget\.unknownPrices: .*\(got "maybe"\)/],
]

describe('a setting that cannot be', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await testGateway({ env: { TALON_BUDGET_DAILY_TOOL_CALLS: '7' } })
  })
  afterAll(() => gateway[Symbol.asyncDispose]())

  test.each(bad)(
    '%s is refused while it runs, with key, value and reason, and nothing changes',
    async (_, changes, says) => {
      const before = { ...gateway.app.config }
      const body = JSON.stringify({ hash: gateway.app.settings.hash(), changes })
      const answer = await gateway.fetch('/api/v1/config', { method: 'PATCH', body })
      expect(answer.status).toBe(400)
      expect((await answer.json()).detail).toMatch(says)
      expect(gateway.app.config).toEqual(before)
    },
  )

  test('keeps the gateway from starting', () => {
    const env = { TALON_BUDGET_DAILY_USD: '0' }
    expect(() => loadConfig({ home: '/nowhere', env })).toThrow(/^TALON_BUDGET_DAILY_USD: must be a positive number/)
  })
})

test('limits are null unless they are set, by the file or a variable', () => {
  const { values } = loadConfig({ home: '/nowhere', env: {} })
  expect(budgetNames.map(name => values[`budget.${name}`])).toEqual(budgetNames.map(() => null))
  expect(limitsOf(values)).toEqual({})
  const env = { TALON_BUDGET_DAILY_USD: '2.5', TALON_BUDGET_SESSION_TOKENS: '1000', TALON_BUDGET_TOKEN_USD: 'null' }
  expect(limitsOf(loadConfig({ home: '/nowhere', env }).values)).toEqual({
    day: { microUsd: 2_500_000 },
    session: { tokens: 1_000 },
  })
})

test('a price is that of the settings, for the provider before that of the model, else a list price', () => {
  const own = { 'acme/m': { input: 1, output: 2 }, m: { input: 3, output: 4 }, local: 'free' as const }
  expect(priceOf({ provider: 'acme', id: 'm' }, own)).toEqual({ input: 1, output: 2 })
  expect(priceOf({ provider: 'other', id: 'm' }, own)).toEqual({ input: 3, output: 4 })
  expect(priceOf({ provider: 'other', id: 'local' }, own)).toEqual({ input: 0, output: 0 })
  expect(priceOf({ provider: 'other', id: 'unheard-of' }, own)).toBeNull()
  expect(priceOf({ provider: 'other', id: 'toString' }, own)).toBeNull()
  expect(priceOf({ provider: 'offline', id: 'offline', free: true }, {})).toEqual({ input: 0, output: 0 })
  const listed = priceOf({ provider: 'anthropic', id: 'claude-sonnet-4-5' }, {})
  expect(listed).toMatchObject({ input: 3, output: 15 })
  expect(priceOf({ provider: 'anthropic', id: 'claude-sonnet-4-5-20250929' }, {})).toEqual(listed)
  expect(priceOf({ provider: 'openai', id: 'gpt-4o-2024-08-06' }, {})).toMatchObject({ input: 2.5 })
  expect(priceOf({ provider: 'openai', id: 'gpt-4o-audio' }, {})).toBeNull()
})
