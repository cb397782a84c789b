import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { ConfigError, loadConfig } from '../../src/server/config.ts'
import { openLog } from '../../src/server/log.ts'
import type { Clock } from '../../src/server/record.ts'
import { readTraceparent, writeTraceparent } from '../../src/server/traceparent.ts'
import { createTracing } from '../../src/server/tracing.ts'
import { testGateway, testToken } from '../support/gateway.ts'
import { rawSocket } from '../support/raw-socket.ts'
import {
  type CollectedSpan,
  type CollectorAnswer,
  type ScriptedCollector,
  scriptedCollector,
} from '../support/scripted-collector.ts'
import { type Script, scriptedProvider, toolThenText } from '../support/scripted-provider.ts'
import { converse, newSession, rest } from './api/rest.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const callerId = '00f067aa0ba902b7'
const traceparent = `00-${traceId}-${callerId}-01`
const messageText = 'canary-of-a-person'
const collectorKey = 'canary-of-the-collector'
const wallClock = { now: () => Date.now(), monotonic: () => performance.now() }
const soon = { timeout: 15_000 }

async function setUp(script: Script, env: Record<string, string> = {}, collector?: ScriptedCollector) {
  const provider = await scriptedProvider(script)
  onTestFinished(provider.close)
  collector ??= await scriptedCollector()
  onTestFinished(collector.close)
  const providers = [{ name: 'acme', kind: 'openai-compatible', baseUrl: provider.url, models: ['m'] }]
  const gateway = await testGateway({
    env: { TALON_AGENT_PROVIDERS: JSON.stringify(providers), TALON_TRACING_ENDPOINT: collector.url, ...env },
  })
  onTestFinished(() => gateway[Symbol.asyncDispose]())
  return { provider, collector, gateway }
}

/** Sends a message over REST as part of that trace, and resolves when its run has ended. */
async function send(gateway: Awaited<ReturnType<typeof testGateway>>, sessionId: string, headers = {}) {
  const ended = Promise.withResolvers<void>()
  const stop = gateway.app.bus.onSession(sessionId, notice => notice.type === 'run.finished' && ended.resolve())
  const path = `/api/v1/sessions/${sessionId}/messages`
  const { body } = await rest(gateway, 'POST', path, { body: { text: messageText }, headers })
  await ended.promise
  stop()
  return body
}

/** Traces without a gateway around them, and what they log. */
async function outsideOfAGateway(answers: CollectorAnswer[], clock: Clock = wallClock) {
  const collector = await scriptedCollector(answers)
  onTestFinished(collector.close)
  const { values: config } = loadConfig({ home: '/nowhere', env: { TALON_TRACING_ENDPOINT: collector.url } })
  const logs: string[] = []
  const log = openLog({ level: 'info', write: line => logs.push(line) })
  const tracing = createTracing({ config, clock, log, random: Math.random, randomBytes, version: '0', bootId: 'boot' })
  return { tracing, collector, logs }
}

function childOf(parent: CollectedSpan) {
  return { traceId: parent.traceId, parentSpanId: parent.spanId }
}

test('a request over HTTP is one trace, through its run, the provider and the tools', async () => {
  const { provider, collector, gateway } = await setUp(
    toolThenText('file_list', '{"path":"."}', ['canary-of-a-model']),
    {
      TALON_TRACING_HEADERS: JSON.stringify({ 'x-collector-key': collectorKey }),
    },
  )
  const sessionId = await newSession(gateway)
  const { runId } = await send(gateway, sessionId, { traceparent })
  await gateway.stop()
  const spans = collector.spans.filter(span => span.traceId === traceId)
  const route = '/api/v1/sessions/:id/messages'
  expect(spans.map(({ name, kind }) => [name, kind]).sort()).toEqual([
    [`POST ${route}`, 2],
    ['chat m', 3],
    ['chat m', 3],
    ['execute_tool file_list', 1],
    ['run', 1],
    ['session.send_message', 1],
  ])
  const http = collector.span(`POST ${route}`)
  expect(http).toMatchObject({ traceId, parentSpanId: callerId, failed: false })
  expect(http.attributes).toMatchObject({ 'http.route': route, 'http.response.status_code': 202 })
  const request = collector.span('session.send_message')
  expect(request).toMatchObject(childOf(http))
  const run = collector.span('run')
  expect(run).toMatchObject({ ...childOf(request), failed: false })
  expect(run.attributes).toEqual({ 'talon.session.id': sessionId, 'talon.run.id': runId })
  const tool = collector.span('execute_tool file_list')
  const chats = spans.filter(span => span.name === 'chat m')
  for (const child of [tool, ...chats]) {
    expect(child).toMatchObject({ ...childOf(run), failed: false })
    expect(child.start).toBeGreaterThanOrEqual(run.start)
    expect(child.end).toBeLessThanOrEqual(run.end)
    expect(child.end).toBeGreaterThanOrEqual(child.start)
  }
  expect(chats[0]?.attributes).toMatchObject({
    'gen_ai.provider.name': 'acme',
    'gen_ai.request.model': 'm',
    'gen_ai.response.finish_reason': 'tool_calls',
    'gen_ai.usage.output_tokens': expect.any(Number),
  })
  const passedOn = provider.requests.map(({ headers }) => headers['traceparent'])
  expect(passedOn).toEqual(chats.map(writeChat))
})

function writeChat({ traceId, spanId }: CollectedSpan): string {
  return writeTraceparent({ traceId, spanId, sampled: true })
}

test('no span holds what people and models said, nor a key', async () => {
  const { collector, gateway } = await setUp(
    toolThenText('file_list', '{"path":"canary-argument"}', ['canary-answer']),
    {
      TALON_TRACING_HEADERS: JSON.stringify({ 'x-collector-key': collectorKey }),
    },
  )
  await send(gateway, await newSession(gateway))
  await gateway.stop()
  const told = collector.requests.map(({ text }) => text).join()
  expect(told).toContain('execute_tool file_list')
  expect(told).not.toMatch(/canary/)
  expect(told).not.toContain(testToken)
  expect(collector.requests[0]).toMatchObject({ path: '/v1/traces', headers: { 'x-collector-key': collectorKey } })
  expect(gateway.logs.join()).not.toContain(collectorKey)
})

test('a frame names its trace by traceparent, and one without begins a trace', async () => {
  const { collector, gateway } = await setUp([{ steps: ['Hello'] }])
  using socket = await rawSocket(gateway.port, { token: testToken })
  const created = await socket.ask('session.create', { senderId: 'ada', channel: 'test' })
  const { sessionId } = created.payload
  await socket.ask('session.send_message', { sessionId, text: messageText }, { traceparent })
  await socket.until(frame => frame.type === 'run.finished')
  await gateway.stop()
  const request = collector.span('session.send_message')
  expect(request).toMatchObject({ traceId, parentSpanId: callerId, kind: 2 })
  expect(request.attributes).toMatchObject({ 'talon.session.id': sessionId, 'talon.connection.id': expect.any(String) })
  expect(collector.span('run')).toMatchObject(childOf(request))
  expect(collector.span('chat m')).toMatchObject(childOf(collector.span('run')))
  const other = collector.span('session.create')
  expect(other.parentSpanId).toBeUndefined()
  expect(other.traceId).not.toBe(traceId)
})

test('a traceparent that cannot be read begins a new trace, and breaks nothing', async () => {
  const { collector, gateway } = await setUp([{ steps: ['Hello'] }])
  using socket = await rawSocket(gateway.port, { token: testToken })
  for (const hostile of ['x'.repeat(10_000), `00-${'0'.repeat(32)}-${callerId}-01`, 7, null, { a: 1 }]) {
    const reply = await socket.ask('gateway.status', {}, { traceparent: hostile })
    expect(reply.type).toBe('gateway.status')
  }
  expect((await rest(gateway, 'GET', '/api/v1/tools', { headers: { traceparent: 'nonsense' } })).status).toBe(200)
  await gateway.stop()
  const roots = collector.spans.filter(({ name }) => name === 'gateway.status' || name === 'GET /api/v1/tools')
  expect(roots).toHaveLength(6)
  expect(new Set(roots.map(span => span.traceId)).size).toBe(6)
  expect(roots.every(span => span.parentSpanId === undefined)).toBe(true)
})

test('traces are off by default: nobody is told anything, providers included', async () => {
  const collector = await scriptedCollector()
  const { provider, gateway } = await setUp([{ steps: ['Hello'] }], { TALON_TRACING_ENDPOINT: 'null' }, collector)
  await send(gateway, await newSession(gateway), { traceparent })
  await gateway.stop()
  expect(collector.requests).toEqual([])
  expect(provider.requests[0]?.headers['traceparent']).toBeUndefined()
  expect(loadConfig({ home: gateway.home, env: {} }).values['tracing.endpoint']).toBeNull()
})

test('a caller that keeps no trace has none kept here, and its provider learns that', async () => {
  const { provider, collector, gateway } = await setUp([{ steps: ['Hello'] }])
  const sessionId = await newSession(gateway)
  await send(gateway, sessionId, { traceparent: `00-${traceId}-${callerId}-00` })
  await gateway.stop()
  expect(collector.spans.filter(span => span.traceId === traceId)).toEqual([])
  expect(provider.requests[0]?.headers['traceparent']).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`))
})

test('a sample ratio of 0 keeps only what a caller keeps', async () => {
  const { collector, gateway } = await setUp([{ steps: ['Hello'] }], { TALON_TRACING_SAMPLE_RATIO: '0' })
  const sessionId = await newSession(gateway)
  await send(gateway, sessionId)
  await send(gateway, sessionId, { traceparent })
  await gateway.stop()
  expect(new Set(collector.spans.map(span => span.traceId))).toEqual(new Set([traceId]))
  expect(collector.spans.map(({ name }) => name)).toContain('run')
})

test('what failed is marked by its code, and says nothing more', async () => {
  const { collector, gateway } = await setUp([{ status: 401, body: '{"error":{"message":"canary-reason"}}' }])
  await send(gateway, await newSession(gateway))
  await rest(gateway, 'POST', '/api/v1/tools/nothing', { body: { args: {} } })
  await gateway.stop()
  const failed = { failed: true, attributes: { 'error.type': 'PROVIDER_ERROR' } }
  expect(collector.span('chat m')).toMatchObject(failed)
  expect(collector.span('run')).toMatchObject(failed)
  expect(collector.span('tools.invoke')).toMatchObject({ failed: true, attributes: { 'error.type': 'TOOL_NOT_FOUND' } })
  // The caller's mistake is no failure of the server.
  expect(collector.span('POST /api/v1/tools/:name')).toMatchObject({ failed: false })
  expect(collector.requests.map(({ text }) => text).join()).not.toMatch(/canary/)
})

test('health, metrics and static files make no spans', async () => {
  const { collector, gateway } = await setUp([{ steps: ['Hello'] }])
  for (const path of ['/livez', '/readyz', '/healthz', '/metrics', '/favicon.svg', '/assets/none.js']) {
    await gateway.fetch(path)
  }
  await rest(gateway, 'GET', '/api/v1/tools')
  await gateway.stop()
  expect(collector.spans.map(({ name }) => name)).toEqual(['tools.list', 'GET /api/v1/tools'])
})

test('a collector that is busy gets the same spans again, a refusal drops them, and each is told once', async () => {
  const busy = { status: 503, headers: { 'retry-after': '0' } }
  const answers = [busy, busy, { status: 200 }, { status: 400 }, { status: 200 }]
  const { tracing, collector, logs } = await outsideOfAGateway(answers)
  tracing.start('first').end()
  await expect.poll(tracing.stats, soon).toEqual({ queued: 0, delivered: 1, dropped: 0 })
  const [first, ...again] = collector.requests.map(({ text }) => text)
  expect(again).toEqual([first, first])
  tracing.start('second').end()
  await expect.poll(tracing.stats, soon).toEqual({ queued: 0, delivered: 1, dropped: 1 })
  tracing.start('third').end()
  await expect.poll(tracing.stats, soon).toEqual({ queued: 0, delivered: 2, dropped: 1 })
  expect(collector.spans.map(({ name }) => name)).toEqual(['first', 'third'])
  expect(logs.map(line => JSON.parse(line)).map(({ msg, reason }) => [msg, reason])).toEqual([
    ['traces cannot be delivered; they are kept as long as there is room', 'HTTP 503'],
    ['traces are delivered again', undefined],
    ['traces are refused', 'HTTP 400'],
    ['traces are delivered again', undefined],
  ])
})

test('what a collector says that it did not keep counts as dropped', async () => {
  const partly = { status: 200, body: '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}' }
  const { tracing } = await outsideOfAGateway([partly])
  for (const name of ['a', 'b', 'c']) tracing.start(name).end()
  await tracing.close(10_000)
  expect(tracing.stats()).toEqual({ queued: 0, delivered: 1, dropped: 2 })
})

test('a gateway works and stops beside a collector that never answers, and says what was lost', async () => {
  const collector = await scriptedCollector(Array(100).fill('silence'))
  const { gateway } = await setUp([{ steps: ['Hello'] }], {}, collector)
  const sessionId = await newSession(gateway)
  await converse(gateway, sessionId, messageText)
  const { body } = await rest(gateway, 'GET', `/api/v1/sessions/${sessionId}/messages`)
  expect(body['messages']).toHaveLength(2)
  await gateway.stop()
  expect(gateway.logs.some(line => line.includes('traces were not delivered before the end'))).toBe(true)
})

test('spans that wait for a collector have a bound, and so have runs that wait for their trace', async () => {
  const { tracing } = await outsideOfAGateway(Array(100).fill('silence'))
  for (let at = 0; at < 10_000; at++) tracing.start('work').end()
  expect(tracing.stats()).toEqual({ queued: 4_096, delivered: 0, dropped: 5_904 })
  const context = { traceId, spanId: callerId, sampled: true }
  for (let at = 0; at < 20_000; at++) tracing.bindRun(`run-${at}`, context)
  expect(tracing.takeRun('run-0')).toBeUndefined()
  expect(tracing.takeRun('run-19999')).toEqual(context)
  expect(tracing.takeRun('run-19999')).toBeUndefined()
  await tracing.close(100)
})

test('a span ends once, after it began and after its parts, though the clock of the wall is set back', async () => {
  const wall = { setTo: 1_800_000_000_000 }
  const { tracing, collector } = await outsideOfAGateway([], {
    now: () => wall.setTo + performance.now(),
    monotonic: () => performance.now(),
  })
  const outer = tracing.start('outer')
  tracing.start('inner', { parent: outer.context }).end()
  wall.setTo -= 3_600_000
  outer.end()
  outer.end()
  tracing.start('later').end()
  await tracing.close(10_000)
  expect(collector.spans).toHaveLength(3)
  const [inner, around, later] = [collector.span('inner'), collector.span('outer'), collector.span('later')]
  expect(around.start).toBeLessThanOrEqual(inner.start)
  expect(around.end).toBeGreaterThanOrEqual(inner.end)
  expect(later.end).toBeGreaterThanOrEqual(later.start)
  expect(later.start).toBeLessThan(around.start)
})

test.each([
  ['the form of the standard', traceparent, true],
  ['one that is not kept', `00-${traceId}-${callerId}-00`, true],
  ['flags of a later time', `00-${traceId}-${callerId}-03`, true],
  ['a later version with more behind it', `cc-${traceId}-${callerId}-01-what-comes`, true],
  ['this version with more behind it', `${traceparent}-more`, false],
  ['the version that is forbidden', `ff-${traceId}-${callerId}-01`, false],
  ['capital letters', traceparent.toUpperCase(), false],
  ['no trace', `00-${'0'.repeat(32)}-${callerId}-01`, false],
  ['no span', `00-${traceId}-${'0'.repeat(16)}-01`, false],
  ['two of them', `${traceparent}, ${traceparent}`, false],
  ['nothing', '', false],
])('traceparent: %s', (_what, text, readable) => {
  const read = readTraceparent(text)
  expect(read !== undefined).toBe(readable)
  if (read) expect(read).toEqual({ traceId, spanId: callerId, sampled: /-0[13](-|$)/.test(text.slice(52)) })
})

test.each([
  ['TALON_TRACING_ENDPOINT', 'collector:4318', /address such as http/],
  ['TALON_TRACING_ENDPOINT', 'ftp://collector', /address such as http/],
  ['TALON_TRACING_ENDPOINT', 'http://ada:secret@collector', /tracing\.headers/],
  ['TALON_TRACING_ENDPOINT', 'http://collector/?key=secret', /tracing\.headers/],
  ['TALON_TRACING_SAMPLE_RATIO', '2', /TALON_TRACING_SAMPLE_RATIO/],
  ['TALON_TRACING_SAMPLE_RATIO', '-1', /TALON_TRACING_SAMPLE_RATIO/],
  ['TALON_TRACING_HEADERS', '{"a b": "c"}', /TALON_TRACING_HEADERS/],
])('%s=%s is refused', (name, value, reason) => {
  expect(() => loadConfig({ home: '/nowhere', env: { [name]: value } })).toThrow(ConfigError)
  expect(() => loadConfig({ home: '/nowhere', env: { [name]: value } })).toThrow(reason)
})

test('what is wrong with an address is said without the password in it', () => {
  const env = { TALON_TRACING_ENDPOINT: 'http://ada:hunter22@collector' }
  expect(() => loadConfig({ home: '/nowhere', env })).toThrow('(got "http://[redacted]@collector")')
})
