import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ModelEvent, ModelMessage, ModelRequest } from '../../../../src/server/agent/model.ts'
import { buildModels, type ProviderModels, providersSchema } from '../../../../src/server/agent/providers.ts'
import type { SocketSettings } from '../../../../src/server/http-sockets.ts'
import {
  type Reply,
  type Script,
  type ScriptedProvider,
  scriptedProvider,
  toolThenText,
} from '../../../support/scripted-provider.ts'

const key = 'canary-5f2e9c41-key'
const kinds = ['openai-compatible', 'anthropic'] as const
type Kind = (typeof kinds)[number]

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function serve(script: Script): Promise<ScriptedProvider> {
  const provider = await scriptedProvider(script)
  closers.push(provider.close)
  return provider
}

function modelsAt(kind: Kind, baseUrl: string, extra: object = {}, pool: Partial<SocketSettings> = {}): ProviderModels {
  const config = providersSchema.parse([{ name: 'acme', kind, baseUrl, apiKey: key, models: ['m-1'], ...extra }])
  const models = buildModels(config, { readSecret: () => undefined, newId: () => 'id', now: Date.now, pool })
  closers.push(models.close)
  return models
}

function stream(models: ProviderModels, request: Partial<ModelRequest> = {}): AsyncIterable<ModelEvent> {
  const model = models.find('acme/m-1')
  if (model === undefined) throw new Error('acme/m-1 is not there')
  const messages: ModelMessage[] = [{ role: 'user', content: 'Hi' }]
  return model.stream({ system: 'Be brief.', messages, tools: [], signal: new AbortController().signal, ...request })
}

/** The events that came, and the error that ended them if one did. */
async function record(events: AsyncIterable<ModelEvent>): Promise<{ events: ModelEvent[]; error: unknown }> {
  const seen: ModelEvent[] = []
  try {
    for await (const event of events) seen.push(event)
    return { events: seen, error: undefined }
  } catch (error) {
    return { events: seen, error }
  }
}

async function errorOf(kind: Kind, reply: Reply): Promise<{ code: string; message: string }> {
  const { error } = await record(stream(modelsAt(kind, (await serve([reply])).url)))
  if (!(error instanceof Error && 'code' in error)) throw new Error(`no failure: ${error}`)
  return { code: String(error.code), message: error.message }
}

describe.each(kinds)('a provider of kind %s', kind => {
  it('streams text as it comes and ends with the usage', async () => {
    const gate = Promise.withResolvers<void>()
    const provider = await serve([{ steps: ['Hel', gate.promise, 'lo'], usage: { input: 11, output: 2 } }])
    const seen: ModelEvent[] = []
    for await (const event of stream(modelsAt(kind, provider.url))) {
      seen.push(event)
      gate.resolve()
    }
    expect(seen).toEqual([
      { type: 'text', text: 'Hel' },
      { type: 'text', text: 'lo' },
      { type: 'finish', reason: 'stop', usage: { inputTokens: 11, outputTokens: 2, totalTokens: 13 } },
    ])
  })

  it('is sent the key, the system prompt, the conversation and the tools', async () => {
    const provider = await serve([{ steps: ['ok'] }])
    const tools = [{ name: 'clock', description: 'Tells the time.', parameters: { type: 'object', properties: {} } }]
    await record(stream(modelsAt(kind, provider.url, { headers: { 'x-team': 'blue' } }), { tools }))
    const [request] = provider.requests
    expect(request?.headers[kind === 'anthropic' ? 'x-api-key' : 'authorization']).toContain(key)
    expect(request?.headers['x-team']).toBe('blue')
    expect(request?.body).toMatchObject({ model: 'm-1', stream: true })
    for (const part of ['Be brief.', 'Hi', 'Tells the time.']) expect(request?.text).toContain(part)
  })

  it('calls a tool and goes on from its result', async () => {
    const provider = await serve(toolThenText('clock', '{"zone":"UTC"}', ['It is ', 'noon.']))
    const models = modelsAt(kind, provider.url)
    const first = await record(stream(models))
    const call = { id: 'call_1', name: 'clock', args: { zone: 'UTC' } }
    expect(first.events).toMatchObject([
      { type: 'tool_call', call },
      { type: 'finish', reason: 'tool_calls' },
    ])
    const messages: ModelMessage[] = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: '', toolCalls: [call] },
      { role: 'tool', toolCallId: 'call_1', toolName: 'clock', content: '12:00', success: true },
    ]
    const second = await record(stream(models, { messages }))
    expect(second.events.map(event => (event.type === 'text' ? event.text : ''))).toEqual(['It is ', 'noon.', ''])
    expect(provider.requests[1]?.text).toContain('12:00')
  })

  it('may call a tool without arguments', async () => {
    const provider = await serve([
      { steps: [{ toolCall: { id: 'c', name: 'clock', args: '' } }], reason: 'tool_calls' },
    ])
    const { events } = await record(stream(modelsAt(kind, provider.url)))
    expect(events[0]).toEqual({ type: 'tool_call', call: { id: 'c', name: 'clock', args: {} } })
  })

  it.each(['{"zone":', '[1]', '"UTC"'])('fails with a tool call whose arguments are %s', async args => {
    const failure = await errorOf(kind, {
      steps: [{ toolCall: { id: 'c', name: 'clock', args } }],
      reason: 'tool_calls',
    })
    expect(failure.code).toBe('PROVIDER_ERROR')
    expect(failure.message).toBe('acme: called the tool clock with arguments that are not a JSON object.')
  })

  it('tells of thoughts and of arguments that are being written as activity', async () => {
    const provider = await serve([
      { steps: [{ thought: 'Hm.' }, { toolCall: { id: 'c', name: 'clock', args: '{"a":1}' } }], reason: 'tool_calls' },
    ])
    const onActivity = vi.fn()
    await record(stream(modelsAt(kind, provider.url), { onActivity }))
    expect(onActivity.mock.calls.length).toBeGreaterThanOrEqual(2)
  })

  it('keeps its connection for the next request', async () => {
    const provider = await serve([{ steps: ['ok'] }])
    // With a second connection the next request would not wait until the first one is free again.
    const models = modelsAt(kind, provider.url, {}, { connections: 1 })
    await record(stream(models))
    await record(stream(models))
    const [first, second] = provider.requests
    expect(second?.socket === first?.socket).toBe(true)
  })

  it('keeps what it said before it cut the connection, and fails', async () => {
    const provider = await serve([{ steps: ['Half an ans'], end: 'cut' }])
    const { events, error } = await record(stream(modelsAt(kind, provider.url)))
    expect(events).toEqual([{ type: 'text', text: 'Half an ans' }])
    expect(error).toMatchObject({
      code: 'PROVIDER_ERROR',
      message: 'acme: cut the connection in the middle of its answer.',
    })
  })

  it.each([
    [
      'an answer that ends too early',
      { steps: ['Half'], end: 'unfinished' },
      'ended its answer before it was finished',
    ],
    ['nothing after the headers', { steps: [], end: 'unfinished' }, 'ended its answer before it was finished'],
    ['an empty answer', { steps: [] }, 'gave an empty answer'],
    ['a limit spent on thoughts', { steps: [{ thought: 'Hm' }], reason: 'length' }, 'reached its token limit'],
    ['an event that is not JSON', { steps: [{ raw: 'data: {"id": 4,,\n\n' }] }, 'not an answer of its protocol'],
    ['JSON of another kind', { steps: [{ raw: 'data: {"weather":"fine"}\n\n' }] }, 'not an answer of its protocol'],
    ['a web page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>Hi</h1>' }, 'with a web page'],
    ['plain text', { status: 200, body: 'Hello' }, 'ended its answer before it was finished'],
    ['an error without text', { status: 500 }, 'answered HTTP 500 Internal Server Error'],
    ['an error as a web page', { status: 502, body: '<html>secret</html>' }, 'answered HTTP 502 Bad Gateway'],
    ['an error in words', { status: 401, body: '{"error":{"message":"No such key"}}' }, 'Unauthorized: No such key'],
    ['an error elsewhere', { status: 400, body: '{"detail":"too long"}' }, 'HTTP 400 Bad Request: too long'],
    ['a redirect', { status: 307, headers: { location: 'http://127.0.0.1:9/' } }, 'redirects to another address'],
  ] satisfies [string, Reply, string][])('fails with %s', async (_what, reply, sentence) => {
    const failure = await errorOf(kind, reply)
    expect(failure.code).toBe('PROVIDER_ERROR')
    expect(failure.message).toMatch(/^acme: .*[.…]$/)
    expect(failure.message).toContain(sentence)
  })

  it.each([
    ['7', 7_000],
    ['Wed, 21 Oct 2026 07:28:07 GMT', 7_000],
    ['soon', undefined],
  ])('tells how long it wants to be left alone: %s', async (wish, retryAfterMs) => {
    const headers = { date: 'Wed, 21 Oct 2026 07:28:00 GMT', 'retry-after': wish }
    const provider = await serve([{ status: 429, headers }])
    const { error } = await record(stream(modelsAt(kind, provider.url)))
    expect(error).toMatchObject({ mayRetry: true, extras: retryAfterMs === undefined ? {} : { retryAfterMs } })
  })

  it('fails with an error that comes in the middle of the answer', async () => {
    const error = { type: 'overloaded_error', message: 'Overloaded' }
    const raw = `event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`
    const failure = await errorOf(kind, { steps: ['Half', { raw }] })
    expect(failure).toEqual({ code: 'PROVIDER_ERROR', message: 'acme: reported an error: Overloaded.' })
  })

  it('never shows a key, a control character or a long text in an error', async () => {
    const told = `Key ${key} and sk-live-1234567890 and Bearer abc.def are \u001b[31mwrong\u0000\n${'x'.repeat(2_000)}`
    const body = JSON.stringify({ error: { message: told } })
    const raw = `data: ${JSON.stringify({ type: 'error', error: { type: 'api_error', message: told } })}\n\n`
    for (const reply of [{ status: 401, body }, { steps: [{ raw }] }]) {
      const { message } = await errorOf(kind, reply)
      expect(message).toContain('Key [redacted] and [redacted] and [redacted] are')
      expect(message).not.toMatch(/canary|sk-live|abc\.def|\p{Cc}/u)
      expect(message.length).toBeLessThanOrEqual(520)
    }
  })

  it('does not let an endless line grow in memory', async () => {
    const raw = 'x'.repeat(1024 * 1024)
    const failure = await errorOf(kind, { steps: Array.from({ length: 6 }, () => ({ raw })), end: 'hang' })
    expect(failure.message).toBe('acme: sent more than an answer may hold.')
  })

  it('closes the socket when the caller cancels before the first token', async () => {
    const provider = await serve([{ steps: [], end: 'hang' }])
    const abort = new AbortController()
    const arrived = provider.nextRequest()
    const recorded = record(stream(modelsAt(kind, provider.url), { signal: abort.signal }))
    const request = await arrived
    abort.abort()
    expect((await recorded).error).toMatchObject({ code: 'CANCELLED' })
    await request.closed
  })

  it('closes the socket when the caller cancels or leaves in the middle', async () => {
    const provider = await serve([{ steps: ['Hello'], end: 'hang' }])
    const models = modelsAt(kind, provider.url)
    const abort = new AbortController()
    const cancelled = (async () => {
      for await (const _ of stream(models, { signal: abort.signal })) abort.abort()
    })()
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' })
    for await (const _ of stream(models)) break
    await Promise.all(provider.requests.map(request => request.closed))
    expect(provider.requests).toHaveLength(2)
  })

  it('says in a sentence that nobody listens', async () => {
    const provider = await scriptedProvider([])
    await provider.close()
    const { error } = await record(stream(modelsAt(kind, provider.url)))
    const message = `acme: 127.0.0.1:${provider.port} refused the connection.`
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR', message })
  })

  it('says in a sentence that there is no such host', async () => {
    const { error } = await record(stream(modelsAt(kind, 'http://nowhere.invalid/v1')))
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR' })
    expect(String(error)).toMatch(/acme: (there is no host|the name) nowhere\.invalid.*\./)
  })

  it('gives up a connection that is never made', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    closers.push(async () => void silent.close())
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : 0
    // A TLS handshake that is never answered is the part of connecting that loopback can show.
    const models = modelsAt(kind, `https://127.0.0.1:${port}/v1`, {}, { connectTimeoutMs: 50 })
    const { error } = await record(stream(models))
    expect(error).toMatchObject({ code: 'TIMEOUT', message: `acme: no connection to 127.0.0.1:${port} within 0.05 s.` })
  })

  it('prints nothing', async () => {
    const printed = vi.spyOn(console, 'warn')
    await errorOf(kind, { status: 500 })
    expect(printed).not.toHaveBeenCalled()
    printed.mockRestore()
  })
})

describe('an Anthropic provider', () => {
  it('has answered when it says so, even if it keeps the connection open', async () => {
    const provider = await serve([{ steps: ['ok'], end: 'linger' }])
    const { events, error } = await record(stream(modelsAt('anthropic', provider.url)))
    expect(error).toBeUndefined()
    expect(events.map(({ type }) => type)).toEqual(['text', 'finish'])
    await provider.requests[0]?.closed
  })
})
