import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { followMetrics } from '../../src/server/metrics/follow.ts'
import { type MetricRow, requestBoundsMs } from '../../src/server/metrics/row.ts'
import { createSampler } from '../../src/server/metrics/sampler.ts'
import { metricTable } from '../../src/server/metrics/table.ts'
import { createTally } from '../../src/server/metrics/tally.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { promtool, whyNoPrometheus } from '../support/prometheus.ts'
import { rawSocket } from '../support/raw-socket.ts'
import { type Script, scriptedProvider } from '../support/scripted-provider.ts'
import { converse, newSession } from './api/rest.ts'

const soon = { timeout: 15_000 }
let shared: TestGateway

beforeAll(async () => {
  shared = await testGateway()
})
afterAll(() => shared[Symbol.asyncDispose]())

async function scrape(gateway: TestGateway): Promise<string> {
  const answer = await gateway.fetch('/metrics', { token: await metricsToken(gateway) })
  expect(answer.status).toBe(200)
  return answer.text()
}

const tokens = new WeakMap<TestGateway, Promise<string>>()

function metricsToken(gateway: TestGateway): Promise<string> {
  const token = tokens.get(gateway) ?? gateway.token('metrics')
  tokens.set(gateway, token)
  return token
}

/** The series of a page, by name and labels, with their values. */
function seriesOf(page: string): Map<string, number> {
  const lines = page.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

function familiesOf(page: string): string[] {
  return [...page.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name)
}

/** A gateway whose one model is a scripted provider. */
async function withProvider(script: Script): Promise<TestGateway> {
  const provider = await scriptedProvider(script)
  onTestFinished(provider.close)
  const providers = [{ name: 'acme', kind: 'openai-compatible', baseUrl: provider.url, models: ['m'] }]
  const env = { TALON_AGENT_PROVIDERS: JSON.stringify(providers), TALON_AGENT_RETRIES: '0', TALON_LIMITS: 'off' }
  const gateway = await testGateway({ env })
  onTestFinished(() => gateway[Symbol.asyncDispose]())
  return gateway
}

describe('GET /metrics', () => {
  test('is for tokens with the scope, which read nothing else', async () => {
    const token = await metricsToken(shared)
    expect((await shared.fetch('/metrics', { token: '' })).status).toBe(401)
    expect((await shared.fetch('/metrics', { token: await shared.token('read', 'admin') })).status).toBe(403)
    expect((await shared.fetch('/api/v1/status', { token })).status).toBe(403)
    const answer = await shared.fetch('/metrics', { token })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('answers everybody once metrics.public is set, but for no other host', async () => {
    await using gateway = await testGateway({ env: { TALON_METRICS_PUBLIC: 'true' } })
    expect((await gateway.fetch('/metrics', { token: '' })).status).toBe(200)
    const status = await new Promise(resolve => {
      const headers = { host: 'elsewhere.example' }
      request(`${gateway.url}/metrics`, { headers }, answer => resolve(answer.resume().statusCode)).end()
    })
    expect(status).toBe(421)
  })

  test('has every metric of the table and the figures of the process, and nothing else', async () => {
    const families = familiesOf(await scrape(shared))
    const ours = families.filter(name => !/^(process|nodejs)_/.test(name))
    expect(ours.sort()).toEqual(Object.keys(metricTable).sort())
    expect(families).toEqual(expect.arrayContaining(['nodejs_eventloop_lag_p99_seconds', 'nodejs_gc_duration_seconds']))
  })

  test('is what promtool calls well-formed', async ({ skip }) => {
    const missing = whyNoPrometheus()
    if (missing !== undefined) skip(missing)
    const gateway = await withProvider([{ steps: ['Yes.'], usage: { input: 3, output: 1 } }])
    await converse(gateway, await newSession(gateway), 'Is it so?')
    const { ok, output } = await promtool(['check', 'metrics'], await scrape(gateway))
    expect({ ok, output }).toEqual({ ok: true, output: '' })
  })

  test('names as counters what ends in _total, and nothing else', () => {
    const rows = Object.entries<MetricRow>(metricTable)
    expect(rows.filter(([name, { type }]) => name.endsWith('_total') !== (type === 'counter'))).toEqual([])
  })
})

describe('what is counted', () => {
  test('are messages, runs, tokens and tools', async () => {
    const toolCall = { id: 'call', name: 'file_list', args: '{"path":"."}' }
    const usage = { input: 100, output: 20 }
    const gateway = await withProvider([
      { steps: [{ toolCall }], reason: 'tool_calls', usage },
      { steps: ['Nothing.'], usage },
    ])
    await converse(gateway, await newSession(gateway), 'What is here?')
    const series = seriesOf(await scrape(gateway))
    const model = 'provider="acme",model="m"'
    expect(Object.fromEntries(series)).toMatchObject({
      talon_sessions_total: 1,
      'talon_sessions{state="resting"}': 1,
      'talon_messages_total{role="user"}': 1,
      'talon_messages_total{role="tool"}': 1,
      'talon_messages_total{role="assistant"}': 2,
      'talon_runs_total{state="done"}': 1,
      'talon_run_duration_seconds_count{state="done"}': 1,
      [`talon_tokens_total{${model},direction="input"}`]: 200,
      [`talon_tokens_total{${model},direction="output"}`]: 40,
      [`talon_provider_calls_total{${model},outcome="ok"}`]: 2,
      [`talon_provider_first_token_seconds_count{${model}}`]: 2,
      'talon_tools_executed_total{tool="file_list",outcome="ok"}': 1,
      'talon_http_requests_total{method="POST",route="/api/v1/sessions",status="201",ok="true"}': 1,
    })
  })

  test('are failures of providers and the errors that callers see', async () => {
    const gateway = await withProvider([{ status: 500 }])
    await converse(gateway, await newSession(gateway), 'Hello?')
    await gateway.fetch('/api/v1/sessions/none-such')
    await gateway.fetch('/api/v1/status', { token: 'wrong' })
    expect(Object.fromEntries(seriesOf(await scrape(gateway)))).toMatchObject({
      'talon_provider_errors_total{provider="acme",model="m",code="PROVIDER_ERROR"}': 1,
      'talon_runs_total{state="failed"}': 1,
      'talon_errors_total{code="SESSION_NOT_FOUND"}': 1,
      'talon_errors_total{code="UNAUTHENTICATED"}': 1,
      talon_sign_in_failures_total: 1,
    })
  })

  test('are frames, bytes and ends of connections', async () => {
    await using gateway = await testGateway()
    const socket = await rawSocket(gateway.port, { token: testToken })
    await socket.ask('ping')
    await socket.ask('no-such-thing')
    const open = seriesOf(await scrape(gateway))
    expect(Object.fromEntries(open)).toMatchObject({
      talon_websocket_connections_total: 1,
      'talon_websocket_connections{state="signed_in"}': 1,
      'talon_websocket_messages_total{direction="in",type="ping"}': 1,
      'talon_websocket_messages_total{direction="in",type="unknown"}': 1,
      'talon_websocket_messages_total{direction="out",type="pong"}': 1,
      'talon_request_duration_seconds_count{type="ping"}': 1,
    })
    expect(open.get('talon_websocket_bytes_total{direction="out",type="pong"}')).toBeGreaterThan(50)
    socket.ws.close(4321, 'a code of my own')
    await vi.waitFor(async () => {
      const series = seriesOf(await scrape(gateway))
      expect(series.get('talon_websocket_closes_total{code="other"}')).toBe(1)
      expect(series.get('talon_websocket_connections{state="signed_in"}')).toBe(0)
    }, soon)
  })

  test('tell the age of a backup once there is one', async () => {
    await using gateway = await testGateway()
    expect(seriesOf(await scrape(gateway)).has('talon_backup_ok')).toBe(false)
    await gateway.app.backups.create()
    await vi.waitFor(async () => {
      const series = seriesOf(await scrape(gateway))
      expect(series.get('talon_backup_ok')).toBe(1)
      expect(series.get('talon_backup_age_seconds')).toBeLessThan(60)
      expect(series.get('talon_disk_free_bytes')).toBeGreaterThan(0)
      expect(series.get('talon_database_bytes')).toBeGreaterThan(0)
    }, soon)
  })
})

describe('the number of series', () => {
  const shapes: ((id: string) => [method: string, path: string])[] = [
    id => ['GET', `/api/v1/sessions/${id}`],
    id => ['PATCH', `/api/v1/sessions/${id}`],
    id => ['DELETE', `/api/v1/sessions/${id}`],
    id => ['GET', `/api/v1/sessions/${id}/messages?after=${id.length}`],
    id => ['POST', `/api/v1/tools/${id}`],
    id => ['GET', `/sessions/${id}`],
    id => ['GET', `/${id}/${id}`],
    id => ['POST', `/api/v1/${id}`],
    id => ['PUT', `/${id}`],
    id => ['PROPFIND', `/${id}`],
    id => ['PURGE', `/api/v1/sessions/${id}`],
    id => ['HEAD', `/assets/${id}.js`],
  ]

  test('does not grow by 10,000 requests with made-up ids, addresses, methods and types', {
    timeout: 180_000,
  }, async () => {
    await using gateway = await testGateway({ env: { TALON_LIMITS: 'off' } })
    // Its level is a label.
    await gateway.app.sandbox.probe()
    using socket = await rawSocket(gateway.port, { token: testToken, keep: true })
    let count = 0
    const madeUp = () => `${(count++).toString(36)}-${Math.random().toString(36).slice(2)}`
    const round = async () => {
      for (const shape of shapes) {
        const [method, path] = shape(madeUp())
        await (await gateway.fetch(path, { method })).arrayBuffer()
      }
      await socket.ask('session.get', { sessionId: madeUp() })
      await socket.ask(madeUp())
      // So many bad frames in a row would end the connection.
      await socket.ask('ping')
    }
    await round()
    await scrape(gateway)
    // The second shows what the first one counted only after it had answered.
    const before = [...seriesOf(await scrape(gateway)).keys()]
    for (let rounds = 0; rounds * (shapes.length + 2) < 10_000; rounds += 10) {
      await Promise.all(Array.from({ length: 10 }, round))
    }
    const after = [...seriesOf(await scrape(gateway)).keys()]
    // Garbage is collected in ways that come when they come.
    const grown = after.filter(series => !before.includes(series) && !series.startsWith('nodejs_'))
    expect(grown).toEqual([])
    expect(after.length).toBeLessThan(1_500)
  })

  test('has a bound for each metric, beyond which all else is one', () => {
    const tally = createTally()
    const { maxSeries } = metricTable.talon_errors_total
    for (let index = 0; index < maxSeries + 100; index++) tally.add('talon_errors_total', 1, `code-${index}`)
    const series = tally.counters('talon_errors_total')
    expect(series).toHaveLength(maxSeries + 1)
    expect(series.at(-1)).toMatchObject({ labels: ['other'], value: 100 })
  })

  test('holds each duration in the first bucket that has room for it', () => {
    const tally = createTally()
    for (const durationMs of [0.2, 1, 3, 60_000]) {
      tally.observe('talon_request_duration_seconds', durationMs, 'ping')
    }
    const [series] = tally.histograms('talon_request_duration_seconds')
    expect(series?.value).toMatchObject({ bounds: requestBoundsMs, count: 4, counts: [2, 1, 0, 0, 0, 0, 0, 1] })
  })
})

describe('metrics.subscribe', () => {
  test('sends samples of what happens until the connection ends', async () => {
    await using gateway = await testGateway()
    using socket = await rawSocket(gateway.port, { token: testToken })
    expect(await socket.ask('metrics.subscribe', { intervalMs: 1_000 })).toMatchObject({ type: 'metrics.subscribed' })
    await socket.ask('ping')
    await socket.ask('session.get', { sessionId: 'none-such' })
    // On a slow machine the first one may come before that is answered.
    const { payload } = await socket.until(isSample(({ errors }) => errors === 1))
    expect(payload).toMatchObject({ connections: 1, activeRuns: 0, messagesPerSecond: 0, tokensPerSecond: 0 })
    expect(payload['requestsPerSecond']).toBeGreaterThan(0)
    expect(payload['p50Ms']).toBeGreaterThan(0)
    expect(payload['memoryBytes']).toBeGreaterThan(1_000_000)
    // Nothing happens but the samples.
    const { payload: quiet } = await socket.until(isSample(({ requestsPerSecond }) => requestsPerSecond === 0))
    expect(quiet).toMatchObject({ errors: 0, p50Ms: null, p99Ms: null })
  })

  test('begins anew with another interval, in the place of the first', async () => {
    await using gateway = await testGateway()
    using socket = await rawSocket(gateway.port, { token: testToken })
    await socket.ask('metrics.subscribe', { intervalMs: 60_000 })
    await socket.ask('metrics.subscribe', { intervalMs: 1_000 })
    const { payload } = await socket.until(({ type }) => type === 'metrics.sample')
    expect(payload['intervalMs']).toBeLessThan(60_000)
  })

  test('wants the scope "read", an interval that is allowed and a connection', async () => {
    await using gateway = await testGateway()
    using stranger = await rawSocket(gateway.port, { token: await gateway.token('metrics') })
    expect((await stranger.ask('metrics.subscribe')).payload).toMatchObject({ code: 'FORBIDDEN' })
    using socket = await rawSocket(gateway.port, { token: await gateway.token('read') })
    for (const intervalMs of [0, 999, 60_001, 1_000.5]) {
      expect((await socket.ask('metrics.subscribe', { intervalMs })).payload).toMatchObject({ code: 'INVALID_MESSAGE' })
    }
    expect((await socket.ask('metrics.subscribe')).type).toBe('metrics.subscribed')
  })

  test('leaves samples out for a reader that takes none', async () => {
    const [asked, sent] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()]
    let [hasRoom, reads] = [false, 0]
    const clock = { now: () => Date.now(), monotonic: () => performance.now() }
    const sampler = createSampler({ clock, tally: createTally(), now: () => ({ connections: 1, activeRuns: 0 }) })
    const outlet = {
      isOpen: () => true,
      hasRoom() {
        asked.resolve()
        return hasRoom
      },
      notice: () => sent.resolve(reads),
    }
    const read = () => {
      reads += 1
      return sampler.read()
    }
    const deps = { clock, outlet, frameId: () => 'frame', sampler: () => ({ ...sampler, read }) }
    const follower = followMetrics(deps, 20)
    follower.start()
    await asked.promise
    expect(reads).toBe(0)
    hasRoom = true
    expect(await sent.promise).toBe(1)
    follower.stop()
  })
})

function isSample(matches: (payload: Record<string, unknown>) => boolean) {
  return ({ type, payload }: { type: string; payload: Record<string, unknown> }) =>
    type === 'metrics.sample' && matches(payload)
}
