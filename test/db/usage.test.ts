import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { costMicroUsd } from '../../src/db/cost.ts'
import { dayMs } from '../../src/db/day.ts'
import { openSqliteReadOnly, openSqliteStore } from '../../src/db/sqlite/engine.ts'
import { migrate } from '../../src/db/sqlite/migrate.ts'
import { openWriter, prepareFile } from '../../src/db/sqlite/open.ts'
import type { EndedCall, ModelCall, Store, UsageSum } from '../../src/db/store.ts'
import { migrationsDir, sendText, temporaryHome, temporaryStore } from '../support/store.ts'

const noon = Date.UTC(2026, 10, 23, 12)
const always = { from: 0, to: Number.MAX_SAFE_INTEGER, limit: 10_000 }
const price = { input: 3, output: 15 }

async function open() {
  const opened = await temporaryStore()
  onTestFinished(opened.dispose)
  await opened.store.createSession({ id: 's', senderId: 'a', channel: 'c', title: 'Engines', at: noon })
  return opened
}

function callOf(name: string, more: Partial<ModelCall> = {}): ModelCall {
  const tokens = { inputTokens: 100, outputTokens: 50 }
  return { id: name, sessionId: 's', tokenId: 'token', provider: 'p', model: 'm', price, ...tokens, ...more }
}

const ended = (call: ModelCall, more: Partial<EndedCall> = {}): EndedCall => ({
  ...call,
  reserved: true,
  estimated: false,
  ...more,
})

function reserve(store: Store, call: ModelCall, more: Partial<Parameters<Store['reserveCall']>[0]> = {}) {
  return store.reserveCall({ call, runId: null, limits: {}, ended: [], at: noon, ...more })
}

const tokensOfDay = (limit: number) => ({ day: { tokens: limit } })

async function stateOfDay(store: Store, at = noon) {
  const [state] = await store.budgetStates({ payer: {}, limits: tokensOfDay(1_000), at })
  return state
}

test('a call costs what its tokens do, rounded up to a millionth', () => {
  expect(costMicroUsd({ input: 3, output: 15 }, { inputTokens: 100, outputTokens: 50 })).toBe(1_050)
  expect(costMicroUsd({ input: 0.075, output: 0.3 }, { inputTokens: 1, outputTokens: 0 })).toBe(1)
  expect(costMicroUsd({ input: 1.1, output: 0 }, { inputTokens: 10, outputTokens: 0 })).toBe(11)
  const cached = { inputTokens: 100, outputTokens: 0, cachedInputTokens: 80 }
  expect(costMicroUsd({ input: 3, output: 15, cachedInput: 0.3 }, cached)).toBe(84)
  expect(costMicroUsd({ input: 3, output: 15 }, cached)).toBe(300)
  expect(costMicroUsd(null, cached)).toBeNull()
})

test('what is set aside is held until the commit of the entry counts the call', async () => {
  const { store } = await open()
  await sendText(store, 's', 'a')
  await store.startRun({ runId: 'run-a', at: noon })
  const call = callOf('call')
  expect(await reserve(store, call, { runId: 'run-a', limits: tokensOfDay(1_000) })).toMatchObject({
    refused: undefined,
  })
  expect(await stateOfDay(store)).toMatchObject({ spent: 0, reserved: 150 })
  await store.appendToolCalls({
    ...{ runId: 'run-a', messageId: 'm1', content: '', toolCalls: [], at: noon },
    ended: [ended(call, { inputTokens: 80, outputTokens: 20 })],
  })
  expect(await stateOfDay(store)).toMatchObject({ spent: 100, reserved: 0 })
  const { rows, total, more } = await store.usage({ ...always, by: 'model' })
  expect(rows).toMatchObject([{ provider: 'p', model: 'm', calls: 1, totalTokens: 100, microUsd: 80 * 3 + 20 * 15 }])
  expect(total).toMatchObject({ calls: 1, runs: 0, estimatedCalls: 0, unpricedCalls: 0 })
  expect(more).toBe(false)
})

test('a call is counted once, however often it is handed in', async () => {
  const { store } = await open()
  await reserve(store, callOf('call'))
  for (let time = 0; time < 3; time++) await store.settleCalls({ ended: [ended(callOf('call'))], at: noon })
  expect(await stateOfDay(store)).toMatchObject({ spent: 150, reserved: 0 })
})

test('a call that its provider refused gives back what was set aside, and counts nothing', async () => {
  const { store } = await open()
  await reserve(store, callOf('call'))
  await store.settleCalls({ ended: [ended(callOf('call'), { refused: true })], at: noon })
  expect(await stateOfDay(store)).toMatchObject({ spent: 0, reserved: 0 })
  expect((await store.usage({ ...always, by: 'day' })).total).toMatchObject({ calls: 0 })
})

test('calls may begin while spent and set aside are below the limit, and no more after', async () => {
  const { store } = await open()
  const limits = { day: { tokens: 400 }, session: { microUsd: 10_000 } }
  const begun = []
  for (const name of ['a', 'b', 'c', 'd']) begun.push((await reserve(store, callOf(name), { limits })).refused)
  expect(begun).toMatchObject([undefined, undefined, undefined, { scope: 'day', measure: 'tokens', reserved: 450 }])
  const answered = ended(callOf('a'), { inputTokens: 10, outputTokens: 10 })
  expect((await reserve(store, callOf('d'), { limits, ended: [answered] })).refused).toBeUndefined()
  expect(await stateOfDay(store)).toMatchObject({ spent: 20, reserved: 450 })
})

test('a call that asks for more is refused by what it took itself, and keeps what it had', async () => {
  const { store } = await open()
  const limits = tokensOfDay(300)
  await reserve(store, callOf('call'), { limits })
  const more = callOf('call', { outputTokens: 150 })
  const used = { inputTokens: 100, outputTokens: 50 }
  expect((await reserve(store, more, { limits, used })).refused).toBeUndefined()
  expect(await stateOfDay(store)).toMatchObject({ reserved: 250 })
  const most = { inputTokens: 100, outputTokens: 200 }
  const refused = await reserve(store, callOf('call', { outputTokens: 250 }), { limits, used: most })
  expect(refused.refused).toMatchObject({ measure: 'tokens', limit: 300 })
  expect(await stateOfDay(store)).toMatchObject({ reserved: 250 })
})

test('each session and token has a budget of its own, and money that nothing costs is not asked for', async () => {
  const { store } = await open()
  const limits = { session: { tokens: 100 }, token: { microUsd: 500 } }
  await reserve(store, callOf('a'))
  await store.settleCalls({ ended: [ended(callOf('a'))], at: noon })
  expect((await reserve(store, callOf('b'), { limits })).refused).toMatchObject({ scope: 'session' })
  expect((await reserve(store, callOf('b', { sessionId: 'other' }), { limits })).refused).toMatchObject({
    scope: 'token',
    spent: 1_050,
  })
  const free = callOf('b', { sessionId: 'other', price: { input: 0, output: 0 } })
  expect((await reserve(store, free, { limits })).refused).toBeUndefined()
  expect((await reserve(store, callOf('c', { sessionId: 'third', tokenId: 'other' }), { limits })).refused).toBe(
    undefined,
  )
})

test('nothing is set aside for a run that has ended', async () => {
  const { store } = await open()
  await sendText(store, 's', 'a')
  await store.finishRun({ runId: 'run-a', state: 'cancelled', at: noon })
  await expect(reserve(store, callOf('call'), { runId: 'run-a' })).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(await stateOfDay(store)).toMatchObject({ reserved: 0 })
})

test('the end of a run estimates what nobody told the count of: what was sent, and the text that came', async () => {
  const { store } = await open()
  for (const end of ['finish', 'reset', 'delete']) {
    await sendText(store, 's', end)
    await store.startRun({ runId: `run-${end}`, at: noon })
    await reserve(store, callOf(end), { runId: `run-${end}` })
    await store.savePartialText({ runId: `run-${end}`, text: 'twelve bytes' })
    const cut = { messageId: `cut-${end}` }
    const message = { id: 'last', content: 'twelve bytes', incomplete: true }
    if (end === 'finish') await store.finishRun({ runId: 'run-finish', state: 'interrupted', message, at: noon })
    else if (end === 'reset') await store.resetSession({ sessionId: 's', at: noon, cut })
    else await store.deleteSession({ sessionId: 's', at: noon, cut })
  }
  const { total } = await store.usage({ ...always, by: 'day' })
  expect(total).toMatchObject({ calls: 3, estimatedCalls: 3, inputTokens: 300, outputTokens: 12, runs: 3 })
  expect(await stateOfDay(store)).toMatchObject({ spent: 312, reserved: 0 })
})

test('what a dead process set aside outlives it, and is counted as sent at the next start', async () => {
  const { store, file, home } = await open()
  await reserve(store, callOf('summary'))
  await store.close()
  const again = await openSqliteStore({ file, home, migrationsDir })
  onTestFinished(() => again.close())
  expect(await stateOfDay(again)).toMatchObject({ spent: 0, reserved: 150 })
  expect(await again.settleLeftOver({})).toEqual({ settled: 1 })
  expect(await again.settleLeftOver({})).toEqual({ settled: 0 })
  expect(await stateOfDay(again)).toMatchObject({ spent: 100, reserved: 0 })
  expect((await again.usage({ ...always, by: 'model' })).rows).toMatchObject([{ estimatedCalls: 1, microUsd: 300 }])
})

test('a day begins anew with the clock, and a clock that goes back opens no day again', async () => {
  const { store } = await open()
  const limits = tokensOfDay(150)
  const spend = async (name: string, at: number) => {
    const { refused } = await reserve(store, callOf(name), { limits, at })
    if (!refused) await store.settleCalls({ ended: [ended(callOf(name))], at })
    return refused?.day
  }
  const today = Math.floor(noon / dayMs)
  expect(await spend('first', noon)).toBeUndefined()
  expect(await spend('second', noon)).toBe(today)
  // The clock goes back: to a day that was paid from, to one that never was, to the beginning of time.
  for (const back of [1, 400, today]) expect(await spend('back', noon - back * dayMs)).toBe(today)
  expect(await spend('tomorrow', noon + dayMs)).toBeUndefined()
  expect(await spend('today', noon)).toBe(today + 1)
  expect((await store.usage({ ...always, by: 'day' })).rows).toMatchObject([
    { day: '2026-11-23', calls: 1 },
    { day: '2026-11-24', calls: 1 },
  ])
})

test('a call is counted on the day on which it was paid for, whenever it ends', async () => {
  const { store } = await open()
  await reserve(store, callOf('late'), { at: noon })
  await store.settleCalls({ ended: [ended(callOf('late'))], at: noon + dayMs })
  expect(await stateOfDay(store, noon)).toMatchObject({ spent: 150, reserved: 0 })
})

test('tools are counted as they begin, each once, and refused when their budget is used up', async () => {
  const { store } = await open()
  const invocation = { tokenId: 'token', sessionId: 's', runId: null, toolName: 'clock', args: {}, startedAt: noon }
  const request = { tokenId: 'token', requestId: 'r', hash: 'h' }
  const limits = { session: { toolCalls: 2 } }
  const begin = (id: string, more: object = {}) => store.beginInvocation({ ...invocation, id, limits, ...more })
  expect(await begin('a', { request })).toEqual({ known: undefined })
  expect(await begin('b', { request })).toMatchObject({ known: { id: 'a' } })
  expect(await begin('c')).toEqual({ known: undefined })
  expect(await begin('d')).toMatchObject({ known: undefined, refused: { measure: 'toolCalls', spent: 2, limit: 2 } })
  expect(await store.getInvocation('d')).toBeUndefined()
  expect((await store.usage({ ...always, by: 'token' })).rows).toMatchObject([{ tokenId: 'token', toolCalls: 2 }])
})

test('unknown prices are counted as unknown, never as nothing', async () => {
  const { store } = await open()
  const unknown = callOf('a', { price: null, model: 'x' })
  await store.settleCalls({ ended: [ended(unknown, { reserved: false })], at: noon })
  expect((await store.usage({ ...always, by: 'model' })).rows).toMatchObject([{ microUsd: null, unpricedCalls: 1 }])
  await store.settleCalls({ ended: [ended(callOf('b'), { reserved: false })], at: noon })
  expect((await store.usage({ ...always, by: 'session' })).rows).toMatchObject([
    { sessionId: 's', title: 'Engines', microUsd: 1_050, calls: 2, unpricedCalls: 1 },
  ])
})

test('what an erased session spent stays in the sums, without its id', async () => {
  const { store } = await open()
  await store.settleCalls({ ended: [ended(callOf('a'), { reserved: false })], at: noon })
  const { total } = await store.usage({ ...always, by: 'day' })
  await store.deleteSession({ sessionId: 's', at: noon, cut: { messageId: 'cut' } })
  await store.eraseDeleted({ before: noon + 1 })
  const after = await store.usage({ ...always, by: 'session' })
  expect(after.total).toEqual(total)
  expect(after.rows).toMatchObject([{ sessionId: null, title: null, totalTokens: 150 }])
  const limits = { session: { tokens: 1_000 } }
  expect(await store.budgetStates({ payer: { sessionId: 's' }, limits, at: noon })).toMatchObject([{ spent: 0 }])
})

test('accounts of days that no clock goes back to are forgotten, whatever the clock says now', async () => {
  const { store, file } = await open()
  const spend = (name: string, at: number) =>
    store.settleCalls({ ended: [ended(callOf(name), { reserved: false })], at })
  await spend('old', noon - 500 * dayMs)
  await spend('new', noon)
  await store.prune({ idempotencyBefore: 0, now: noon + 5_000 * dayMs })
  const database = new Database(file, { readonly: true })
  const days = database.prepare("SELECT day FROM budget_accounts WHERE scope <> 'session'").pluck().all()
  database.close()
  expect(days).toEqual([Math.floor(noon / dayMs), Math.floor(noon / dayMs)])
  const spent = async (tokenId: string, at: number) =>
    (await store.budgetStates({ payer: { tokenId }, limits: { token: { tokens: 1 } }, at }))[0]?.spent
  expect(await spent('token', noon)).toBe(150)
  expect((await store.usage({ ...always, by: 'day' })).rows).toHaveLength(2)
})

test('what was spent before there were budgets is counted, at a price that nobody knows', async () => {
  const { home, file, remove } = temporaryHome()
  const older = join(home, 'older')
  mkdirSync(older)
  for (const name of readdirSync(migrationsDir)) {
    if (/^\d{4}-/.test(name) && name < '0008') cpSync(join(migrationsDir, name), join(older, name))
  }
  prepareFile(file)
  const connection = openWriter(file)
  await migrate(connection, { migrationsDir: older, backupsDir: undefined, now: noon })
  const { database } = connection
  database.exec(
    `INSERT INTO sessions (id, sender_id, channel, state, created_at, last_active_at, listed_at)
     VALUES ('s', 'a', 'c', 'idle', 1, 1, 1)`,
  )
  const insert = database.prepare(
    `INSERT INTO runs (id, session_id, epoch, message_seq, state, model, provider, usage, token_id, created_at, finished_at)
     VALUES (?, 's', 1, ?, ?, ?, ?, ?, ?, 1, ?)`,
  )
  const used = JSON.stringify({ inputTokens: 5, outputTokens: 7, totalTokens: 12 })
  insert.run('a', 1, 'done', 'm', 'p', used, 'token', noon)
  insert.run('b', 2, 'done', 'offline', 'offline', used, 'token', noon)
  insert.run('c', 3, 'failed', null, null, null, null, noon + dayMs)
  insert.run('d', 4, 'queued', null, null, null, 'token', null)
  connection.close()
  const store = await openSqliteStore({ file, home, migrationsDir })
  onTestFinished(async () => {
    await store.close()
    remove()
  })
  const { rows, total } = await store.usage({ ...always, by: 'model' })
  expect(total).toMatchObject({ runs: 3, failed: 1, calls: 2, totalTokens: 24, unpricedCalls: 1, microUsd: 0 })
  expect(rows.find(({ model }) => model === 'm')).toMatchObject({ unpricedCalls: 1, microUsd: null })
  const limits = { day: { tokens: 1 }, session: { tokens: 1 }, token: { tokens: 1 } }
  const payer = { sessionId: 's', tokenId: 'token' }
  const states = await store.budgetStates({ payer, limits, at: noon + dayMs })
  expect(states.map(({ scope, spent }) => [scope, spent])).toEqual([
    ['day', 0],
    ['session', 24],
    ['token', 0],
  ])
})

test('a span holds whole days, the rows of the others are those with the most tokens', async () => {
  const { store, file } = await open()
  for (let number = 1; number <= 5; number++) {
    const call = callOf(`${number}`, { model: `m${number}`, inputTokens: number * 100 })
    await store.settleCalls({ ended: [ended(call, { reserved: false })], at: noon + number * dayMs })
  }
  const span = { from: noon + 2 * dayMs, to: noon + 4 * dayMs }
  const days = await store.usage({ ...span, by: 'day', limit: 10 })
  expect(days.rows.map(({ day }) => day)).toEqual(['2026-11-25', '2026-11-26', '2026-11-27'])
  const models = await store.usage({ ...span, by: 'model', limit: 2 })
  expect(models.rows.map(({ model }) => model)).toEqual(['m4', 'm3'])
  expect(models).toMatchObject({ more: true, total: { calls: 3, inputTokens: 900 } })
  const beside = openSqliteReadOnly({ file, migrationsDir })
  expect(await beside.usage({ ...span, by: 'model', limit: 2 })).toEqual(models)
  beside.close()
})

test('the sums are those of the runs, by whatever they are grouped, over any order of calls, ends and crashes', async () => {
  const { store } = await open()
  for (let seed = 1; seed <= 12; seed++) {
    const random = randomOf(seed)
    const expected = sumOf()
    const sessionId = `seed-${seed}`
    await store.createSession({ id: sessionId, senderId: 'a', channel: 'c', at: noon })
    for (let number = 0; number < 8; number++) await oneRun(store, sessionId, `${seed}-${number}`, random, expected)
    expect(await store.sessionSpending(sessionId)).toEqual(expected)
  }
  const all = await Promise.all(
    (['day', 'session', 'model', 'token'] as const).map(by => store.usage({ ...always, by })),
  )
  const totals = all.map(({ total }) => total)
  for (const { rows, total } of all) {
    expect(total).toEqual(totals[0])
    expect(rows.reduce(add, sumOf())).toEqual(total)
  }
  const limits = { day: { tokens: 1e9, microUsd: 1e9 } }
  for (const { reserved } of await store.budgetStates({ payer: {}, limits, at: noon })) expect(reserved).toBe(0)
})

/** A run of some calls, some of which end with an entry, some without; what it should count is added to the sum. */
async function oneRun(store: Store, sessionId: string, name: string, random: () => number, sum: UsageSum) {
  const pick = (below: number) => Math.floor(random() * below)
  const runId = `run-${name}`
  await sendText(store, sessionId, name, { at: noon, tokenId: `t${pick(3)}` })
  const run = await store.startRun({ runId, at: noon })
  const count = (call: EndedCall) => {
    sum.calls += 1
    sum.inputTokens += call.inputTokens
    sum.outputTokens += call.outputTokens
    sum.totalTokens += call.inputTokens + call.outputTokens
    sum.microUsd = (sum.microUsd ?? 0) + call.inputTokens * 3 + call.outputTokens * 15
  }
  for (let step = pick(4); step > 0; step--) {
    const model = `m${pick(2)}`
    const call = callOf(`${name}-${step}`, { sessionId, model, tokenId: run?.tokenId ?? '' })
    await reserve(store, call, { runId })
    const told = ended(call, { inputTokens: pick(500), outputTokens: pick(500) })
    count(told)
    const entry = { messageId: `${name}-${step}-m`, content: '', toolCalls: [], at: noon }
    if (pick(3) > 0) await store.appendToolCalls({ runId, ...entry, ended: [told] })
    else await store.settleCalls({ ended: [told], at: noon })
  }
  const last = callOf(`${name}-last`, { sessionId, tokenId: run?.tokenId ?? '' })
  await reserve(store, last, { runId })
  const state = (['done', 'failed', 'cancelled', 'interrupted'] as const)[pick(4)] ?? 'done'
  const message = { id: `${name}-end`, content: 'x'.repeat(3 * pick(50)), incomplete: state !== 'done' }
  const told = ended(last, { inputTokens: pick(500), outputTokens: pick(500) })
  const estimated = ended(last, { outputTokens: message.content.length / 3, estimated: true })
  count(state === 'interrupted' ? estimated : told)
  sum.estimatedCalls += Number(state === 'interrupted')
  sum.runs += 1
  sum.failed += Number(state === 'failed')
  const wallMs = pick(1_000)
  sum.wallMs += wallMs
  await store.finishRun({ runId, state, message, at: noon, wallMs, ended: state === 'interrupted' ? [] : [told] })
}

function sumOf(): UsageSum {
  return {
    ...{ runs: 0, failed: 0, calls: 0, estimatedCalls: 0, unpricedCalls: 0 },
    ...{ inputTokens: 0, outputTokens: 0, totalTokens: 0, microUsd: 0, toolCalls: 0, wallMs: 0 },
  }
}

function add(sum: UsageSum, row: UsageSum): UsageSum {
  const keys = Object.keys(sum) as (keyof UsageSum)[] // The keys of a literal of this type.
  return Object.assign(sum, Object.fromEntries(keys.map(key => [key, (sum[key] ?? 0) + (row[key] ?? 0)])))
}

/** Numbers in [0, 1) that follow from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
