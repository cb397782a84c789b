import { describe, expect, onTestFinished, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
import {
  type Reply,
  type Script,
  type ScriptedProvider,
  scriptedProvider,
  toolThenText,
} from '../../support/scripted-provider.ts'
import { providerKey, writeConfig } from './config.ts'
import { converse, rows, streamed } from './conversation.ts'

const kinds = ['openai-compatible', 'anthropic'] as const

describe.each(kinds)('with a provider of the kind %s', kind => {
  const start = async (script: Script, agent: Record<string, unknown> = {}) => {
    const provider = await newProvider(script)
    const home = await writeConfig({ providers: [{ provider, models: ['m1'], kind }], agent })
    return { provider, gateway: await testGateway({ home }) }
  }

  test('an answer is streamed, stored whole, and its usage is stored with the message and the run', async () => {
    const { gateway, provider } = await start([{ steps: ['Hel', 'lo ', 'Ada'], usage: { input: 11, output: 5 } }])
    await using _ = gateway
    const talk = await converse(gateway)
    expect(await talk.ask('hi')).toMatchObject({
      state: 'done',
      usage: { inputTokens: 11, outputTokens: 5, totalTokens: 16 },
    })
    expect(streamed(talk.events)).toBe('Hello Ada')
    expect(await talk.until('session.message.final')).toMatchObject({
      epoch: 1,
      seq: 2,
      payload: { message: { content: 'Hello Ada' }, model: 'm1', usage: { totalTokens: 16 } },
    })
    expect(await talk.messages()).toMatchObject([
      { seq: 1, role: 'user', content: 'hi' },
      { seq: 2, role: 'assistant', content: 'Hello Ada', model: 'm1', usage: { inputTokens: 11, outputTokens: 5 } },
    ])
    expect(rows(gateway, 'SELECT state, model, provider, usage FROM runs')).toEqual([
      { state: 'done', model: 'm1', provider: 'main', usage: '{"inputTokens":11,"outputTokens":5,"totalTokens":16}' },
    ])
    const [request] = provider.requests
    expect([request?.headers.authorization, request?.headers['x-api-key']]).toContain(
      kind === 'anthropic' ? providerKey : `Bearer ${providerKey}`,
    )
    expect(request?.body['model']).toBe('m1')
    expectNoKey(gateway, talk.events)
  })

  test('a tool is called, its result goes back, and each message has the usage of its own call', async () => {
    const { gateway, provider } = await start(
      toolThenText('file_write', '{"path":"a.txt","content":"hey"}', ['Written.']),
    )
    await using _ = gateway
    const talk = await converse(gateway)
    expect(await talk.ask('write it')).toMatchObject({ state: 'done', usage: { totalTokens: 20 } })
    const messages = await talk.messages()
    expect(messages).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        toolCalls: [{ id: 'call_1', name: 'file_write', args: { path: 'a.txt' } }],
        usage: { totalTokens: 10 },
      },
      { role: 'tool', toolCallId: 'call_1' },
      { role: 'assistant', content: 'Written.', usage: { totalTokens: 10 } },
    ])
    const order = talk.events
      .map(event => event.type)
      .filter(type => type.startsWith('tool.') || type.startsWith('run.') || 'session.message.final' === type)
    expect(order).toEqual(['run.started', 'tool.call', 'tool.result', 'session.message.final', 'run.finished'])
    expect(provider.requests).toHaveLength(2)
    expect(provider.requests[1]?.text).toContain('call_1')
    expect(provider.requests[1]?.text).toContain(JSON.stringify(messages[2]?.content).slice(1, -1))
  })

  test('a 429 is tried again, and then it is as if nothing was', async () => {
    const limited: Reply = { status: 429, headers: { 'retry-after': '0' }, body: '{"error": {"message": "slow down"}}' }
    const { gateway, provider } = await start([limited, { steps: ['fine'] }])
    await using _ = gateway
    const talk = await converse(gateway)
    expect(await talk.ask('hi')).toMatchObject({ state: 'done' })
    expect(provider.requests).toHaveLength(2)
    expect((await talk.messages()).map(({ content }) => content)).toEqual(['hi', 'fine'])
    expect(talk.events.filter(({ type }) => type === 'session.error')).toEqual([])
  })

  test('an answer that is cut keeps its text as incomplete, and the reason is told', async () => {
    const { gateway } = await start([{ steps: ['half an ans', { waitMs: 50 }], end: 'cut' }])
    await using _ = gateway
    const talk = await converse(gateway)
    expect(await talk.ask('hi')).toMatchObject({ state: 'failed', error: expect.stringContaining('main') })
    expect((await talk.until('session.error')).payload).toMatchObject({ code: 'PROVIDER_ERROR', retryable: true })
    expect((await talk.until('session.message.final')).payload).toMatchObject({
      incomplete: true,
      message: { content: 'half an ans' },
    })
    expect((await talk.messages()).at(-1)).toMatchObject({
      role: 'assistant',
      content: 'half an ans',
      incomplete: true,
    })
  })

  test('a refusal is told with the reason of the provider and without the key, in no frame, row or log line', async () => {
    const body = JSON.stringify({ error: { message: `Incorrect API key provided: ${providerKey}.` } })
    const { gateway } = await start([{ status: 401, body }])
    await using _ = gateway
    const talk = await converse(gateway)
    const { state, error } = await talk.ask('hi')
    expect({ state, error }).toEqual({ state: 'failed', error: expect.stringMatching(/Incorrect API key provided/) })
    expectNoKey(gateway, talk.events)
    expect(JSON.stringify(rows(gateway, 'SELECT error FROM runs'))).not.toContain(providerKey)
    expect(await talk.messages()).toHaveLength(1)
  })

  test('garbage fails the run, and the next message is answered', async () => {
    const { gateway } = await start(
      [{ steps: [{ raw: 'data: {{{{\n\nevent: x\ndata: 7\n\n' }], end: 'unfinished' }, { steps: ['ok'] }],
      { retries: 0 },
    )
    await using _ = gateway
    const talk = await converse(gateway)
    expect(await talk.ask('one')).toMatchObject({ state: 'failed' })
    expect(await talk.ask('two')).toMatchObject({ state: 'done' })
  })

  test('silence before and inside an answer ends at its time', async () => {
    const { gateway } = await start(
      [
        { steps: [], end: 'hang' },
        { steps: ['a word'], end: 'hang' },
      ],
      {
        retries: 0,
        firstTokenTimeoutMs: 200,
        silenceTimeoutMs: 200,
      },
    )
    await using _ = gateway
    const talk = await converse(gateway)
    expect(await talk.ask('one')).toMatchObject({ state: 'failed' })
    expect(await talk.ask('two')).toMatchObject({ state: 'failed' })
    const errors = talk.events.filter(event => event.type === 'session.error').map(event => event.payload.code)
    expect(errors).toEqual(['TIMEOUT', 'TIMEOUT'])
    expect((await talk.messages()).at(-1)).toMatchObject({ content: 'a word', incomplete: true })
  })

  test('a cancel closes the socket to the provider and keeps the partial text', async () => {
    const { gateway, provider } = await start([{ steps: ['so far'], end: 'hang' }])
    await using _ = gateway
    const talk = await converse(gateway)
    const runId = await talk.send('hi')
    await talk.until('session.message.delta')
    const { sessionId } = talk
    expect(await talk.client.request('session.cancel', { sessionId })).toEqual({ sessionId, runId })
    expect(await talk.ended(runId)).toMatchObject({ state: 'cancelled' })
    await provider.requests[0]?.closed
    expect((await talk.messages()).at(-1)).toMatchObject({ content: 'so far', incomplete: true })
    expect(talk.events.filter(({ type }) => type === 'session.error')).toEqual([])
  })

  test('a provider that hangs without a word can be cancelled too, and what waits goes on', async () => {
    const { gateway, provider } = await start([{ steps: [], end: 'hang' }, { steps: ['second'] }])
    await using _ = gateway
    const talk = await converse(gateway)
    const asked = provider.nextRequest()
    const first = await talk.send('one')
    const second = await talk.send('two')
    await asked
    await talk.client.request('session.cancel', { sessionId: talk.sessionId })
    expect(await talk.ended(first)).toMatchObject({ state: 'cancelled' })
    await provider.requests[0]?.closed
    expect(await talk.ended(second)).toMatchObject({ state: 'done' })
    expect((await talk.messages()).map(({ content }) => content)).toEqual(['one', 'two', 'second'])
  })
})

describe('fallback', () => {
  test('before the first word the next provider answers, and nobody sees the failure', async () => {
    const [bad, good] = [await newProvider([{ status: 500 }]), await newProvider([{ steps: ['from the second'] }])]
    const home = await writeConfig({
      providers: [
        { provider: bad, models: ['m'] },
        { provider: good, models: ['m'], kind: 'anthropic' },
      ],
      agent: { retries: 0 },
    })
    await using gateway = await testGateway({ home })
    const talk = await converse(gateway)
    expect(await talk.ask('hi')).toMatchObject({ state: 'done' })
    expect(streamed(talk.events)).toBe('from the second')
    expect(rows(gateway, 'SELECT provider FROM runs')).toEqual([{ provider: 'other1' }])
    expect(gateway.logs.some(line => line.includes('a provider failed'))).toBe(true)
  })

  test('after the first word nobody else goes on with the answer', async () => {
    const [bad, good] = [
      await newProvider([{ steps: ['half', { waitMs: 50 }], end: 'cut' }]),
      await newProvider([{ steps: ['whole'] }]),
    ]
    const home = await writeConfig({ providers: [bad, good].map(provider => ({ provider, models: ['m'] })) })
    await using gateway = await testGateway({ home })
    const talk = await converse(gateway)
    expect(await talk.ask('hi')).toMatchObject({ state: 'failed' })
    expect(good.requests).toEqual([])
    expect(streamed(talk.events)).toBe('half')
  })
})

async function newProvider(script: Script): Promise<ScriptedProvider> {
  const provider = await scriptedProvider(script)
  onTestFinished(() => provider.close())
  return provider
}

function expectNoKey(gateway: { logs: string[] }, events: readonly object[]): void {
  for (const text of [...gateway.logs, JSON.stringify(events)]) expect(text).not.toContain(providerKey)
}
