import { execFileSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { type ChainEvent, type ChainOptions, chain, type FailedAttempt } from '../../../src/server/agent/chain.ts'
import { buildModels, providersSchema } from '../../../src/server/agent/providers.ts'
import { type Script, type ScriptedProvider, scriptedProvider } from '../../support/scripted-provider.ts'

const kinds = ['openai-compatible', 'anthropic'] as const

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const patient = { firstTokenTimeoutMs: 5_000, silenceTimeoutMs: 5_000, totalTimeoutMs: 10_000, retryDelayMs: 1 }

interface Talk {
  providers: ScriptedProvider[]
  failures: FailedAttempt[]
  stream(signal?: AbortSignal): AsyncIterable<ChainEvent>
}

/** A chain over one real provider for each script: `first`, `second` and so on. */
async function talkTo(kind: string, scripts: Script[], options: Partial<ChainOptions> = {}): Promise<Talk> {
  const providers = await Promise.all(scripts.map(scriptedProvider))
  const config = providers.map(({ url }, index) => ({
    name: ['first', 'second', 'third'][index],
    kind,
    baseUrl: url,
    apiKey: 'canary-key',
    models: [`m-${index + 1}`],
  }))
  const models = buildModels(providersSchema.parse(config), {
    readSecret: () => undefined,
    newId: () => 'id',
    now: Date.now,
  })
  closers.push(models.close, ...providers.map(({ close }) => close))
  const failures: FailedAttempt[] = []
  const onFailure = (failure: FailedAttempt) => failures.push(failure)
  const asked = chain(models.defaultChain, { ...patient, random: () => 0.5, onFailure, ...options })
  const stream = (signal = new AbortController().signal) =>
    asked.stream({ system: '', messages: [{ role: 'user', content: 'Hi' }], tools: [], signal })
  return { providers, failures, stream }
}

async function record(stream: AsyncIterable<ChainEvent>): Promise<{ events: ChainEvent[]; error: unknown }> {
  const events: ChainEvent[] = []
  try {
    for await (const event of stream) events.push(event)
    return { events, error: undefined }
  } catch (error) {
    return { events, error }
  }
}

function textOf(events: ChainEvent[]): string {
  return events.map(event => (event.type === 'text' ? event.text : '')).join('')
}

describe.each(kinds)('a chain over %s', kind => {
  it('tells which model answers, once, before its first event', async () => {
    const { stream } = await talkTo(kind, [[{ steps: ['a', 'b'] }]])
    const { events } = await record(stream())
    expect(events.map(({ type }) => type)).toEqual(['provider', 'text', 'text', 'finish'])
    expect(events[0]).toEqual({ type: 'provider', provider: 'first', model: 'm-1' })
  })

  it.each([
    ['is overloaded again and again', { status: 503 }, 3],
    ['refuses the key', { status: 401 }, 1],
    ['sends garbage', { steps: [{ raw: 'data: {{{\n\n' }] }, 1],
    ['answers with a web page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>' }, 1],
    ['cuts before its first token', { steps: [], end: 'cut' as const }, 1],
    ['answers nothing', { steps: [] }, 1],
  ])('goes on to the next provider if the first %s', async (_what, reply, attempts) => {
    const { stream, providers, failures } = await talkTo(kind, [[reply], [{ steps: ['from the second'] }]])
    const { events, error } = await record(stream())
    expect(error).toBeUndefined()
    expect(events[0]).toEqual({ type: 'provider', provider: 'second', model: 'm-2' })
    expect(textOf(events)).toBe('from the second')
    expect(providers[0]?.requests).toHaveLength(attempts)
    expect(failures.at(-1)).toMatchObject({ provider: 'first', model: 'm-1', next: 'fallback' })
  })

  it('goes on to the next provider if nobody listens at the first', async () => {
    const { stream, providers, failures } = await talkTo(kind, [[], [{ steps: ['second'] }]])
    await providers[0]?.close()
    expect(textOf((await record(stream())).events)).toBe('second')
    expect(failures.map(({ next }) => next)).toEqual(['retry', 'retry', 'fallback'])
  })

  it('goes on to the next provider if the first token does not come in time', async () => {
    const scripts: Script[] = [[{ steps: [], end: 'hang' }], [{ steps: ['second'] }]]
    const { stream, providers, failures } = await talkTo(kind, scripts, { firstTokenTimeoutMs: 60 })
    expect(textOf((await record(stream())).events)).toBe('second')
    expect(failures[0]?.error).toMatchObject({ code: 'TIMEOUT', message: 'first: no first token within 0.06 s.' })
    await providers[0]?.requests[0]?.closed
  })

  it('asks the same provider again after a 429, as soon as that allows', async () => {
    const limited = { status: 429, headers: { 'retry-after': '0' }, body: '{"error":{"message":"Slow down"}}' }
    const { stream, providers, failures } = await talkTo(kind, [[limited, { steps: ['now'] }], [{ steps: ['no'] }]])
    expect(textOf((await record(stream())).events)).toBe('now')
    expect(providers.map(({ requests }) => requests.length)).toEqual([2, 0])
    expect(failures).toMatchObject([{ next: 'retry', error: { extras: { retryAfterMs: 0 } } }])
  })

  it('goes on to the next provider if the first wants a long rest, and waits a bounded time for the last', async () => {
    const limited = { status: 429, headers: { 'retry-after': '3600' } }
    const script: Script = [limited, { steps: ['after a rest'] }]
    const { stream, failures } = await talkTo(kind, [[limited], script], { maxRetryDelayMs: 20 })
    expect(textOf((await record(stream())).events)).toBe('after a rest')
    expect(failures.map(({ provider, next }) => [provider, next])).toEqual([
      ['first', 'fallback'],
      ['second', 'retry'],
    ])
  })

  it('gives up after so many retries, and tells what each provider said', async () => {
    const { stream, providers } = await talkTo(kind, [[{ status: 500 }], [{ status: 403 }]], { maxRetries: 1 })
    const { events, error } = await record(stream())
    expect(events).toEqual([])
    expect(error).toMatchObject({
      code: 'PROVIDER_ERROR',
      message: 'first: answered HTTP 500 Internal Server Error. second: answered HTTP 403 Forbidden.',
    })
    expect(providers.map(({ requests }) => requests.length)).toEqual([2, 1])
  })

  it('does not go on after the first token, but throws after what was said', async () => {
    const { stream, providers, failures } = await talkTo(kind, [
      [{ steps: ['Half an '], end: 'cut' }],
      [{ steps: ['no'] }],
    ])
    const { events, error } = await record(stream())
    expect(textOf(events)).toBe('Half an ')
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR' })
    expect(providers[1]?.requests).toHaveLength(0)
    expect(failures).toMatchObject([{ next: 'give_up' }])
  })

  it('does not take silence in the middle for an answer', async () => {
    const scripts: Script[] = [[{ steps: ['Well'], end: 'hang' }], [{ steps: ['no'] }]]
    const { stream, providers } = await talkTo(kind, scripts, { silenceTimeoutMs: 60 })
    const { events, error } = await record(stream())
    expect(textOf(events)).toBe('Well')
    expect(error).toMatchObject({ code: 'TIMEOUT', message: 'first: silence for 0.06 s.' })
    await providers[0]?.requests[0]?.closed
    expect(providers[1]?.requests).toHaveLength(0)
  })

  it('takes thoughts for a sign of life', async () => {
    const steps = Array.from({ length: 6 }, () => [{ thought: 'Hm. ' }, { waitMs: 50 }]).flat()
    const script: Script = [{ steps: [...steps, 'done'] }]
    const { stream } = await talkTo(kind, [script], { firstTokenTimeoutMs: 200, silenceTimeoutMs: 200 })
    const { events, error } = await record(stream())
    expect(error).toBeUndefined()
    expect(textOf(events)).toBe('done')
  })

  it('does not take a slow reader for a silent provider', async () => {
    const { stream } = await talkTo(kind, [[{ steps: ['a', 'b'] }]], { silenceTimeoutMs: 100 })
    let text = ''
    for await (const event of stream()) {
      if (event.type !== 'text') continue
      text += event.text
      // The time that passes is what is tested.
      await delay(150)
    }
    expect(text).toBe('ab')
  })

  it('bounds a slow drip by the total time', async () => {
    const steps = Array.from({ length: 100 }, () => ['drip ', { waitMs: 20 }]).flat()
    const { stream, providers } = await talkTo(kind, [[{ steps }], [{ steps: ['no'] }]], { totalTimeoutMs: 150 })
    const { events, error } = await record(stream())
    expect(textOf(events)).toContain('drip drip ')
    expect(error).toMatchObject({ code: 'TIMEOUT', message: 'no whole answer within 0.15 s.' })
    await providers[0]?.requests[0]?.closed
    expect(providers[1]?.requests).toHaveLength(0)
  })

  it('is cancelled at once while it waits for a token, and the socket closes', async () => {
    const { stream, providers, failures } = await talkTo(kind, [[{ steps: [], end: 'hang' }], [{ steps: ['no'] }]])
    const abort = new AbortController()
    const arrived = providers[0]?.nextRequest()
    const recorded = record(stream(abort.signal))
    const request = await arrived
    abort.abort()
    expect(await recorded).toMatchObject({ events: [], error: { code: 'CANCELLED' } })
    await request?.closed
    expect(providers[1]?.requests).toHaveLength(0)
    expect(failures).toEqual([])
  })

  it('is cancelled at once while it waits for a retry', async () => {
    const abort = new AbortController()
    const { stream } = await talkTo(kind, [[{ status: 503 }]], {
      retryDelayMs: 60_000,
      maxRetryDelayMs: 60_000,
      onFailure: () => abort.abort(),
    })
    expect((await record(stream(abort.signal))).error).toMatchObject({ code: 'CANCELLED' })
  })

  it('closes the socket when its reader leaves in the middle', async () => {
    const { stream, providers } = await talkTo(kind, [[{ steps: ['Hello'], end: 'hang' }]])
    for await (const event of stream()) if (event.type === 'text') break
    await providers[0]?.requests[0]?.closed
  })
})

describe('a chain', () => {
  it('of no models says that none is configured', async () => {
    const stream = chain([], { random: Math.random }).stream({
      system: '',
      messages: [],
      tools: [],
      signal: new AbortController().signal,
    })
    expect((await record(stream)).error).toMatchObject({ code: 'PROVIDER_ERROR', message: 'No model is configured.' })
  })

  it('asks the offline model without loading what only providers need, and leaves no timer that keeps a process alive', () => {
    const program = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context) } })
      const { buildModels } = await import('./src/server/agent/providers.ts')
      const { chain } = await import('./src/server/agent/chain.ts')
      const remote = [{ name: 'x', kind: 'anthropic', baseUrl: 'http://127.0.0.1:9', models: ['m'] }]
      const models = buildModels(remote, { readSecret: () => undefined, newId: () => 'id', now: Date.now })
      const request = { system: '', messages: [], tools: [], signal: new AbortController().signal }
      for await (const event of chain([models.find('offline')], { random: Math.random }).stream(request));
      await models.close()
      console.log(loaded.filter(url => /node_modules.(undici|ai|@ai-sdk)/.test(url)).length)
    `
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 10_000 })
    expect(printed.toString().trim()).toBe('0')
  })
})
