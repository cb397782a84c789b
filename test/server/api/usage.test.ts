import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { usageCsv } from '../../../src/server/api/usage-csv.ts'
import { type TestGateway, testGateway } from '../../support/gateway.ts'
import { type ScriptedProvider, scriptedProvider } from '../../support/scripted-provider.ts'
import { converse, newSession, rest } from './rest.ts'

const path = '/api/v1/usage'
const dayMs = 86_400_000
const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)
const nothing = {
  ...{ runs: 0, failed: 0, calls: 0, estimatedCalls: 0, unpricedCalls: 0 },
  ...{ inputTokens: 0, outputTokens: 0, totalTokens: 0, costUsd: 0, toolCalls: 0, wallMs: 0 },
}

describe('GET /api/v1/usage', () => {
  let provider: ScriptedProvider
  let gateway: TestGateway
  let sessionId: string
  const ask = (query: string, more: { token?: string } = {}) => rest(gateway, 'GET', `${path}?${query}`, more)

  beforeAll(async () => {
    provider = await scriptedProvider([{ steps: ['Yes.'], usage: { input: 1_000, output: 200 } }])
    const providers = [{ name: 'acme', kind: 'openai-compatible', baseUrl: provider.url, models: ['m', 'unpriced'] }]
    gateway = await testGateway({
      env: {
        TALON_AGENT_PROVIDERS: JSON.stringify(providers),
        TALON_BUDGET_PRICES: '{"acme/m": {"input": 3, "output": 15}}',
        TALON_BUDGET_DAILY_USD: '5',
        TALON_BUDGET_SESSION_TOKENS: '10000',
        TALON_BUDGET_UNKNOWN_PRICES: 'allow',
      },
    })
    sessionId = await newSession(gateway)
    await rest(gateway, 'PATCH', `/api/v1/sessions/${sessionId}`, { body: { title: '=1+1, "x"' } })
    for (const model of ['m', 'm', 'unpriced']) {
      await rest(gateway, 'PATCH', `/api/v1/sessions/${sessionId}`, { body: { model } })
      await converse(gateway, sessionId, 'Hello')
    }
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await provider.close()
  })

  const total = {
    ...{ runs: 3, failed: 0, calls: 3, estimatedCalls: 0, unpricedCalls: 1 },
    ...{ inputTokens: 3_000, outputTokens: 600, totalTokens: 3_600, costUsd: 0.012, toolCalls: 0 },
  }

  test('tells what each day cost, with the sum and the budgets that are set', async () => {
    const { status, body } = await ask(`sessionId=${sessionId}`)
    expect(status).toBe(200)
    const today = body['to']
    expect(body).toMatchObject({ by: 'day', more: false, total, rows: [{ day: today, ...total }] })
    expect(Date.parse(String(today)) - Date.parse(String(body['from']))).toBe(29 * dayMs)
    expect(body['budgets']).toEqual([
      { name: 'dailyUsd', unit: 'USD', limit: 5, spent: 0.012, reserved: 0, resetsAt: expect.any(Number) },
      { name: 'sessionTokens', unit: 'tokens', limit: 10_000, spent: 3_600, reserved: 0, resetsAt: null },
    ])
    expect(gateway.app.store.stats().readers.runs).toBeGreaterThan(0)
  })

  test('tells it by model, session and token, and the sums are the same', async () => {
    const rows = async (by: string) => (await ask(`by=${by}`)).body['rows']
    expect(await rows('model')).toMatchObject([
      { provider: 'acme', model: 'm', calls: 2, costUsd: 0.012, unpricedCalls: 0 },
      { provider: 'acme', model: 'unpriced', calls: 1, costUsd: null, unpricedCalls: 1 },
    ])
    expect(await rows('session')).toMatchObject([{ sessionId, title: '=1+1, "x"', ...total }])
    expect(await rows('token')).toMatchObject([
      { tokenId: expect.any(String), tokenName: expect.any(String), ...total },
    ])
    expect((await ask('by=model&limit=1')).body).toMatchObject({ more: true, rows: [{ model: 'm' }], total })
  })

  test('takes days by their name or by a moment in them, both included', async () => {
    const now = gateway.app.clock.now()
    const [day, next] = [dayOf(now), dayOf(now + dayMs)]
    for (const query of [`from=${day}&to=${day}`, `from=${now}&to=${now}`, `from=${now - 1}&to=${next}`]) {
      expect((await ask(query)).body).toMatchObject({ total })
    }
    const old = (await ask('from=0&to=1')).body
    expect(old).toMatchObject({ from: '1970-01-01', to: '1970-01-01', rows: [], total: nothing })
  })

  test('tells it as CSV, in which no title becomes a formula', async () => {
    const answer = await gateway.fetch(`${path}?by=session&format=csv`)
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present')
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="talon-usage-.*-by-session\.csv"$/)
    const [head, row, ...rest] = (await answer.text()).split('\r\n')
    expect(head).toBe(
      'sessionId,title,runs,failed,calls,estimatedCalls,unpricedCalls,inputTokens,outputTokens,totalTokens,costUsd,toolCalls,wallMs',
    )
    expect(row).toMatch(new RegExp(`^${sessionId},"'=1\\+1, ""x""",3,0,3,0,1,3000,600,3600,0\\.012,0,\\d+$`))
    expect(rest).toEqual([''])
    const models = await (await gateway.fetch(`${path}?by=model&format=csv`)).text()
    expect(models).toMatch(/\r\nacme,unpriced,1,0,1,0,1,1000,200,1200,,0,\d+\r\n$/)
  })

  test.each([
    ['from=x', '"usage.get": from: must be a day such as 2026-11-23, or Unix milliseconds'],
    ['to=2026-02-30', 'to: must be a day'],
    ['from=-1', 'from: must be a day'],
    ['from=2026-11-23&to=2026-11-22', '"from" must be a day before "to"'],
    ['by=colour', 'by: '],
    ['limit=0', 'limit: '],
    ['limit=10001', 'limit: '],
    ['format=xml', '"format" must be json or csv.'],
  ])('refuses %s with what is wrong with it', async (query, words) => {
    const { status, body } = await ask(query)
    expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'INVALID_MESSAGE' })
    expect(body['detail']).toContain(words)
  })

  test('is what usage.get answers over a WebSocket', async () => {
    const asked = { by: 'model', limit: 5 } as const
    expect(await gateway.client().request('usage.get', asked)).toEqual((await ask('by=model&limit=5')).body)
  })
})

test('a day without any spending has no row, and costs nothing', async () => {
  const gateway = await testGateway()
  onTestFinished(() => gateway[Symbol.asyncDispose]())
  const { body } = await rest(gateway, 'GET', path)
  expect(body).toMatchObject({ rows: [], more: false, total: nothing, budgets: [] })
})

test('no cell of a CSV begins like a formula, or breaks out of its place', () => {
  const titles = ['=1', '+1', '-1', '@x', '\tx', 'a\r\nb', 'a,b', 'a"b', 'plain']
  const rows = titles.map(title => ({ sessionId: 's', title, ...nothing }))
  const csv = usageCsv({ from: '', to: '', by: 'session', rows, more: false, total: nothing, budgets: [] })
  const cells = ["'=1", "'+1", "'-1", "'@x", "'\tx", '"a\r\nb"', '"a,b"', '"a""b"', 'plain']
  for (const cell of cells) expect(csv).toContain(`\r\ns,${cell},0,`)
})
