import { expect, onTestFinished, test, vi } from 'vitest'
import { openSqliteStore } from '../../../src/db/sqlite/engine.ts'
import type { Run } from '../../../src/db/store.ts'
import { openLedger } from '../../../src/server/agent/budget.ts'
import type { Model } from '../../../src/server/agent/model.ts'
import { createBudgets } from '../../../src/server/budgets.ts'
import { type TestGateway, testGateway } from '../../support/gateway.ts'
import { type Script, type ScriptedProvider, scriptedProvider } from '../../support/scripted-provider.ts'
import { migrationsDir, sendText, temporaryHome } from '../../support/store.ts'
import { converse } from './conversation.ts'

const soon = { timeout: 30_000, interval: 20 }
const dayMs = 86_400_000
const always = { from: 0, to: Number.MAX_SAFE_INTEGER, by: 'model', limit: 100 } as const

/** A gateway with one provider, of which `m` writes 1,000 tokens at most, `long` as many as it likes, and `other` as well. */
async function withProvider(
  script: Script,
  env: Record<string, string> = {},
): Promise<{ gateway: TestGateway; provider: ScriptedProvider }> {
  const provider = await scriptedProvider(script)
  onTestFinished(provider.close)
  const models = [{ id: 'm', maxOutputTokens: 1_000 }, 'long', 'other']
  const providers = [{ name: 'acme', kind: 'openai-compatible', baseUrl: provider.url, models }]
  const gateway = await testGateway({
    env: {
      TALON_AGENT_PROVIDERS: JSON.stringify(providers),
      TALON_AGENT_RETRIES: '1',
      TALON_BUDGET_PRICES: JSON.stringify({ 'acme/m': { input: 3, output: 15 } }),
      ...env,
    },
  })
  onTestFinished(() => gateway[Symbol.asyncDispose]())
  return { gateway, provider }
}

const spent = async ({ app }: TestGateway) => (await app.store.usage(always)).total

/** Resolves once nothing is set aside any more. */
async function settled(gateway: TestGateway): Promise<void> {
  const limits = { day: { tokens: 1 } }
  await vi.waitFor(async () => {
    const states = await gateway.app.store.budgetStates({ payer: {}, limits, at: gateway.app.clock.now() })
    expect(states).toMatchObject([{ reserved: 0 }])
  }, soon)
}

async function change(gateway: TestGateway, changes: Record<string, unknown>): Promise<Response> {
  const body = JSON.stringify({ hash: gateway.app.settings.hash(), changes })
  return gateway.fetch('/api/v1/config', { method: 'PATCH', body })
}

test('a run that a budget refuses fails with what was spent, and its provider is not asked', async () => {
  const { gateway, provider } = await withProvider([{ steps: ['Yes.'], usage: { input: 7, output: 3 } }])
  await change(gateway, { 'budget.dailyTokens': 10 })
  const talk = await converse(gateway)
  expect(await talk.ask('one')).toMatchObject({ state: 'done' })
  const text =
    /^The budget of this day is used up: 10 tokens of 10 tokens spent\. It begins anew at \d{4}-\d\d-\d\d 00:00 UTC, or raise budget\.dailyTokens\.$/
  expect(await talk.ask('two')).toMatchObject({ state: 'failed', error: expect.stringMatching(text) })
  expect((await talk.until('session.error')).payload).toMatchObject({
    code: 'BUDGET_EXCEEDED',
    status: 402,
    retryable: false,
    details: { budget: 'dailyTokens', unit: 'tokens', limit: 10, spent: 10, reserved: 0 },
  })
  expect(provider.requests).toHaveLength(1)
  expect(await spent(gateway)).toMatchObject({ runs: 2, failed: 1, calls: 1, totalTokens: 10, microUsd: 66 })
  await change(gateway, { 'budget.dailyTokens': null })
  expect(await talk.ask('three')).toMatchObject({ state: 'done' })
})

test('budgets of a session and of a token end with them', async () => {
  const { gateway } = await withProvider([{ steps: ['Yes.'], usage: { input: 7, output: 3 } }])
  await change(gateway, { 'budget.sessionTokens': 10 })
  const talk = await converse(gateway)
  await talk.ask('one')
  expect(await talk.ask('two')).toMatchObject({ state: 'failed', error: expect.stringContaining('of this session') })
  const other = await converse(gateway)
  expect(await other.ask('three')).toMatchObject({ state: 'done' })
  await change(gateway, { 'budget.sessionTokens': null, 'budget.tokenUsd': 0.000_1 })
  expect(await other.ask('four')).toMatchObject({ state: 'failed', error: expect.stringContaining('access token') })
  const { sessionId } = other
  const body = JSON.stringify({ text: 'five' })
  const token = await gateway.token('chat')
  const sent = await gateway.fetch(`/api/v1/sessions/${sessionId}/messages`, { method: 'POST', body, token })
  expect(await other.ended((await sent.json()).runId)).toMatchObject({ state: 'done' })
})

test('a hundred runs at once go beyond a budget by the reservation of one call at most', {
  timeout: 120_000,
}, async () => {
  const gate = Promise.withResolvers<void>()
  const script = () => ({ steps: [gate.promise, 'Yes.'], usage: { input: 900, output: 1_000 } })
  const { gateway, provider } = await withProvider(script, {
    TALON_AGENT_MAX_RUNS: '100',
    TALON_AGENT_POOL_CONNECTIONS: '100',
  })
  const limit = 40_000
  await change(gateway, { 'budget.dailyTokens': limit })
  const client = gateway.client()
  const ended = { done: 0, failed: 0 }
  client.on('run.finished', ({ state }) => {
    if (state === 'done' || state === 'failed') ended[state] += 1
  })
  const ask = async (number: number) => {
    const { sessionId } = await client.request('session.create', { senderId: `${number}`, channel: 'test' })
    await client.request('session.subscribe', { sessionId })
    await client.request('session.send_message', { sessionId, text: 'Hello' })
  }
  await Promise.all(Array.from({ length: 100 }, (_, number) => ask(number)))
  // Every run has its answer or waits for it: nobody is left who could still ask.
  await vi.waitFor(() => expect(ended.failed + provider.requests.length).toBe(100), soon)
  const [line] = await gateway.app.budgets.list({})
  const ofOneCall = (line?.reserved ?? 0) / provider.requests.length
  expect(line).toMatchObject({ spent: 0, limit })
  expect(ofOneCall).toBeGreaterThan(1_900)
  expect(line?.reserved).toBeGreaterThanOrEqual(limit)
  expect(line?.reserved).toBeLessThan(limit + ofOneCall)
  gate.resolve()
  await vi.waitFor(() => expect(ended.failed + ended.done).toBe(100), soon)
  await settled(gateway)
  const { totalTokens, calls } = await spent(gateway)
  expect(calls).toBe(provider.requests.length)
  expect(totalTokens).toBe(calls * 1_900)
  expect(totalTokens).toBeLessThan(limit + ofOneCall)
})

test('a budget in USD refuses models of unknown price, unless that is allowed', async () => {
  const { gateway, provider } = await withProvider([{ steps: ['Yes.'] }])
  await change(gateway, { 'budget.dailyUsd': 1 })
  const talk = await converse(gateway, { model: 'other' })
  const refused = await talk.ask('one')
  expect(refused).toMatchObject({ state: 'failed' })
  expect(refused.error).toBe(
    'There is a budget in USD, and no price is known for acme/other. Set one in budget.prices, or budget.unknownPrices to "allow".',
  )
  expect((await talk.until('session.error')).payload).toMatchObject({ code: 'BUDGET_EXCEEDED', status: 402 })
  expect(provider.requests).toHaveLength(0)
  await change(gateway, { 'budget.unknownPrices': 'allow' })
  expect(await talk.ask('two')).toMatchObject({ state: 'done' })
  const { rows } = await gateway.app.store.usage(always)
  expect(rows.find(({ model }) => model === 'other')).toMatchObject({ microUsd: null, unpricedCalls: 1 })
})

test('a call that nobody ended the count of is estimated, one that was refused costs nothing', async () => {
  const hang = { steps: ['x'.repeat(30)], end: 'hang' as const }
  const replies = [{ status: 500 }, { status: 400 }, hang]
  const { gateway } = await withProvider((_request, index) => replies[Math.min(index, 2)] ?? hang)
  const talk = await converse(gateway, { model: 'm' })
  expect(await talk.ask('refused twice')).toMatchObject({ state: 'failed' })
  await settled(gateway)
  expect(await spent(gateway)).toMatchObject({ calls: 0, microUsd: 0, failed: 1 })
  const runId = await talk.send('left in the middle')
  await talk.until('session.message.delta')
  await talk.client.request('session.cancel', { sessionId: talk.sessionId })
  expect(await talk.ended(runId)).toMatchObject({ state: 'cancelled' })
  await settled(gateway)
  const { inputTokens, ...sum } = await spent(gateway)
  expect(sum).toMatchObject({ calls: 1, estimatedCalls: 1, outputTokens: 10 })
  expect(inputTokens).toBeGreaterThan(100)
})

test('a reset in the middle of a call counts it once', async () => {
  const { gateway } = await withProvider([{ steps: ['x'.repeat(30)], end: 'hang' }])
  const talk = await converse(gateway, { model: 'm' })
  await talk.send('Hello')
  await talk.until('session.message.delta')
  await talk.client.request('session.reset', { sessionId: talk.sessionId })
  await vi.waitFor(() => expect(gateway.app.runs.count()).toBe(0), soon)
  await settled(gateway)
  expect(await spent(gateway)).toMatchObject({ runs: 1, calls: 1, estimatedCalls: 1, outputTokens: 10 })
})

test('an answer without a bound of its own is cut where the budget ends', async () => {
  const piece = 'word '.repeat(1_000)
  const { gateway } = await withProvider([{ steps: Array.from({ length: 20 }, () => piece), end: 'hang' }])
  await change(gateway, { 'budget.sessionTokens': 12_000 })
  const talk = await converse(gateway, { model: 'long' })
  expect(await talk.ask('Write a book.')).toMatchObject({
    state: 'failed',
    error: expect.stringContaining('of this session'),
  })
  const last = (await talk.messages()).at(-1)
  expect(last).toMatchObject({ role: 'assistant', incomplete: true })
  expect(last?.content.length).toBeGreaterThan(5_000)
  expect(last?.content.length).toBeLessThan(20 * piece.length)
  await settled(gateway)
  expect((await spent(gateway)).totalTokens).toBeLessThan(12_000 + 8_192)
})

test('tools have budgets too: of clients, and of runs, which end', async () => {
  const toolCall = (index: number) => ({ id: `call-${index}`, name: 'file_list', args: '{"path":"."}' })
  const { gateway } = await withProvider((_request, index) => ({
    steps: [{ toolCall: toolCall(index) }],
    reason: 'tool_calls',
  }))
  await change(gateway, { 'budget.sessionToolCalls': 2, 'budget.tokenToolCalls': 3 })
  const talk = await converse(gateway, { model: 'm' })
  const error = expect.stringContaining('2 runs of tools of 2 runs of tools spent')
  expect(await talk.ask('Look.')).toMatchObject({ state: 'failed', error })
  expect((await talk.until('session.error')).payload).toMatchObject({ code: 'BUDGET_EXCEEDED' })
  const invoke = () => talk.client.request('tools.invoke', { toolName: 'file_list', args: { path: '.' } })
  await invoke()
  await expect(invoke()).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED', status: 402 })
  expect(await spent(gateway)).toMatchObject({ toolCalls: 3 })
  expect(gateway.app.budgets.stats().refused).toMatchObject({ sessionToolCalls: 1, tokenToolCalls: 1, dailyUsd: 0 })
})

test('a run that takes longer than it may ends as failed', async () => {
  const { gateway } = await withProvider([{ steps: ['So far.'], end: 'hang' }])
  await change(gateway, { 'budget.runWallMs': 1_000 })
  const talk = await converse(gateway, { model: 'm' })
  expect(await talk.ask('Hello')).toMatchObject({
    state: 'failed',
    error: 'This run took longer than 1 s. The setting is budget.runWallMs.',
  })
  expect((await talk.messages()).at(-1)).toMatchObject({ content: 'So far.', incomplete: true })
  expect((await spent(gateway)).wallMs).toBeGreaterThan(900)
  await change(gateway, { 'budget.runWallMs': null, 'budget.dailyWallMs': 500 })
  expect(await talk.ask('Hello')).toMatchObject({ state: 'failed', error: expect.stringContaining('dailyWallMs') })
})

test('of four fifths its session and the log hear, once', async () => {
  const { gateway } = await withProvider([{ steps: ['Yes.'], usage: { input: 7, output: 3 } }])
  await change(gateway, { 'budget.dailyTokens': 50 })
  const talk = await converse(gateway, { model: 'm' })
  for (const text of ['one', 'two', 'three']) await talk.ask(text)
  const heard = () => talk.events.filter(({ type }) => type === 'budget.warning')
  expect(heard()).toEqual([])
  await talk.ask('four')
  expect((await talk.until('budget.warning')).payload).toMatchObject({
    sessionId: talk.sessionId,
    ...{ budget: 'dailyTokens', unit: 'tokens', limit: 50, spent: 40 },
    message: '80 % of the budget of this day is used: 40 tokens of 50 tokens (budget.dailyTokens).',
  })
  await talk.ask('five')
  expect(heard()).toHaveLength(1)
  expect(gateway.logs.filter(line => line.includes('80 % of the budget'))).toHaveLength(1)
})

test('what a summary of the older part costs is counted as well', async () => {
  const { gateway, provider } = await withProvider([{ steps: ['Yes.'], usage: { input: 7, output: 3 } }])
  const { store } = gateway.app
  const talk = await converse(gateway, { model: 'm' })
  await talk.ask('Hello')
  const run = await store.getRun((await talk.messages())[0]?.runId ?? '')
  const model = gateway.app.models.find('m')
  if (!run || !model) throw new Error('There is no run or no model.')
  const ledger = openLedger(gateway.app, run, { aside: true })
  for await (const _event of ledger.pay(model).stream({
    ...{ system: '', messages: [{ role: 'user', content: 'Sum it up.' }], tools: [] },
    signal: AbortSignal.timeout(30_000),
  }));
  const { ended } = ledger.bill()
  const summary = { sessionId: talk.sessionId, summary: 'Short.', throughSeq: 1 }
  await store.saveMemorySummary({ ...summary, ended, at: 1 })
  await settled(gateway)
  expect(provider.requests).toHaveLength(2)
  expect(await spent(gateway)).toMatchObject({ runs: 1, calls: 2, totalTokens: 20 })
})

test('a store that cannot set anything aside means no call', async () => {
  const { gateway } = await withProvider([{ steps: ['Yes.'] }])
  const { app } = gateway
  const { home, file, remove } = temporaryHome()
  onTestFinished(remove)
  const closed = await openSqliteStore({ home, file, migrationsDir })
  await closed.close()
  let asked = 0
  const model: Model = {
    ...{ provider: 'acme', id: 'm', contextTokens: 1_000 },
    async *stream() {
      asked += 1
      yield { type: 'finish', usage: undefined, reason: 'stop' }
    },
  }
  const budgets = createBudgets({ ...app, store: closed })
  // Of a run, the ledger looks at whom it is for.
  const run = { id: 'r', sessionId: 's', tokenId: null } as Run
  const request = { system: '', messages: [], tools: [], signal: AbortSignal.timeout(30_000) }
  const call = openLedger({ ...app, budgets }, run)
    .pay(model)
    .stream(request)
    [Symbol.asyncIterator]()
  await expect(call.next()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  expect(asked).toBe(0)
})

test('what a dead process was doing is counted at the next start, by the text that came', async () => {
  const { home, file, remove } = temporaryHome()
  onTestFinished(remove)
  const before = await openSqliteStore({ home, file, migrationsDir })
  await before.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  await sendText(before, 's', 'a')
  await before.startRun({ runId: 'run-a', at: 1 })
  const call = {
    ...{ id: 'call', sessionId: 's', tokenId: 'token', provider: 'acme', model: 'm' },
    ...{ price: { input: 3, output: 15 }, inputTokens: 100, outputTokens: 1_000 },
  }
  const reservation = { runId: 'run-a', limits: {}, ended: [], at: Date.now() }
  await before.reserveCall({ ...reservation, call })
  await before.reserveCall({ ...reservation, call: { ...call, id: 'summary' }, runId: null })
  await before.savePartialText({ runId: 'run-a', text: 'x'.repeat(30) })
  await before.close()
  await using gateway = await testGateway({ home })
  await settled(gateway)
  expect(await spent(gateway)).toMatchObject({
    ...{ runs: 1, calls: 2, estimatedCalls: 2, inputTokens: 200, outputTokens: 10 },
    microUsd: 200 * 3 + 10 * 15,
  })
})

test('a clock that was wrong by years ends no day for ever: after a day it counts again', async () => {
  const { gateway } = await withProvider([{ steps: ['Yes.'] }])
  const { app } = gateway
  let now = app.clock.now()
  let monotonic = 0
  const clock = { now: () => now, monotonic: () => monotonic }
  const budgets = createBudgets({ ...app, clock })
  const call = {
    ...{ id: 'call', sessionId: 's', tokenId: 'token', provider: 'acme', model: 'm' },
    ...{ price: null, inputTokens: 1, outputTokens: 1 },
  }
  const today = Math.floor(now / dayMs)
  now += 1_000 * dayMs
  await budgets.reserve({ call, runId: null, ended: [] })
  now -= 1_000 * dayMs
  await budgets.watchDay()
  expect(await app.store.payingDay(now)).toBe(today + 1_000)
  monotonic += dayMs
  // What is set aside on that day is still to be counted there.
  await budgets.watchDay()
  expect(await app.store.payingDay(now)).toBe(today + 1_000)
  await app.store.settleCalls({ ended: [{ ...call, reserved: true, estimated: false }], at: now })
  await budgets.watchDay()
  expect(await app.store.payingDay(now)).toBe(today)
  expect(gateway.logs.filter(line => line.includes('a day has passed since'))).toHaveLength(1)
})

test('the metrics tell money by model, and refusals by budget', async () => {
  const { gateway } = await withProvider([{ steps: ['Yes.'], usage: { input: 7, output: 3 } }])
  await change(gateway, { 'budget.dailyTokens': 20 })
  for (const model of ['m', 'other', 'm']) await (await converse(gateway, { model })).ask('Hello')
  const page = await (await gateway.fetch('/metrics', { token: await gateway.token('metrics') })).text()
  for (const series of [
    'talon_cost_usd_total{provider="acme",model="m"} 0.000066',
    'talon_unpriced_calls_total{provider="acme",model="other"} 1',
    'talon_budget_refusals_total{budget="dailyTokens"} 1',
    'talon_budget_refusals_total{budget="unknownPrice"} 0',
    'talon_budget_used_ratio{budget="dailyTokens"} 1',
  ]) {
    expect(page).toContain(`\n${series}\n`)
  }
})
