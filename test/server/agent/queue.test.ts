import { describe, expect, onTestFinished, test } from 'vitest'
import type { ServerFrame } from '../../../src/protocol/envelope.ts'
import { testGateway, testToken } from '../../support/gateway.ts'
import { entry, fill, newSession } from '../../support/log-reader.ts'
import { type RawSocket, rawSocket } from '../../support/raw-socket.ts'
import { type Script, type ScriptedProvider, scriptedProvider, toolThenText } from '../../support/scripted-provider.ts'
import { writeConfig } from './config.ts'
import { converse } from './conversation.ts'

describe('the queue', () => {
  test('a session has one run at a time, and its messages are answered in their order', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    const provider = await newProvider((_request, index) => ({
      steps: index === 0 ? [gate, 'answer 0'] : [`answer ${index}`],
    }))
    const home = await writeConfig({ providers: [{ provider, models: ['m'] }] })
    await using gateway = await testGateway({ home })
    const talk = await converse(gateway)
    const asked = provider.nextRequest()
    const runs = [await talk.send('q0'), await talk.send('q1'), await talk.send('q2')]
    await asked
    expect(provider.requests).toHaveLength(1)
    open()
    for (const run of runs) expect(await talk.ended(run)).toMatchObject({ state: 'done' })
    expect((await talk.messages()).map(({ content }) => content)).toEqual([
      'q0',
      'q1',
      'q2',
      'answer 0',
      'answer 1',
      'answer 2',
    ])
    // Each run is told what came before its own message and nothing of what came after.
    const told = provider.requests.map(({ body }) =>
      body.messages.filter(({ role }) => role !== 'system').map(({ content }) => content),
    )
    expect(told).toEqual([['q0'], ['q0', 'answer 0', 'q1'], ['q0', 'answer 0', 'q1', 'answer 1', 'q2']])
  })

  test('P5: no more than agent.maxRuns work at once, and every session has its turn', async () => {
    let open = 0
    let most = 0
    const gates: (() => void)[] = []
    const provider = await newProvider(() => {
      most = Math.max(most, ++open)
      const gate = new Promise<void>(resolve => gates.push(resolve)).then(() => {
        open -= 1
      })
      return { steps: [gate, 'done'] }
    })
    const home = await writeConfig({ providers: [{ provider, models: ['m'] }], agent: { maxRuns: 2 } })
    await using gateway = await testGateway({ home })
    const talks = await Promise.all(Array.from({ length: 6 }, () => converse(gateway)))
    const runs = await Promise.all(talks.map(talk => talk.send('go')))
    while (gates.length < 2) await provider.nextRequest()
    for (let served = 0; served < runs.length; served++) {
      while (gates.length <= served) await provider.nextRequest()
      gates[served]?.()
    }
    for (const [index, talk] of talks.entries())
      expect(await talk.ended(runs[index] ?? '')).toMatchObject({ state: 'done' })
    expect(most).toBe(2)
  })

  test('a run that calls tools without end is stopped at agent.maxSteps', async () => {
    const provider = await newProvider([
      { steps: [{ toolCall: { id: 'again', name: 'file_list', args: '{}' } }], reason: 'tool_calls' },
    ])
    const home = await writeConfig({ providers: [{ provider, models: ['m'] }], agent: { maxSteps: 3 } })
    await using gateway = await testGateway({ home })
    const talk = await converse(gateway)
    expect(await talk.ask('go')).toMatchObject({ state: 'failed', error: expect.stringContaining('agent.maxSteps') })
    expect(provider.requests).toHaveLength(3)
  })

  test('what a run has spent is counted even if it fails in the end', async () => {
    const provider = await newProvider((_request, index) =>
      index === 0
        ? { steps: [{ toolCall: { id: 'c1', name: 'file_list', args: '{}' } }], reason: 'tool_calls' }
        : { status: 400 },
    )
    const home = await writeConfig({ providers: [{ provider, models: ['m'] }] })
    await using gateway = await testGateway({ home })
    const talk = await converse(gateway)
    expect(await talk.ask('go')).toMatchObject({ state: 'failed', usage: { totalTokens: 10 } })
    await talk.ask('/usage')
    expect((await talk.messages()).at(-1)?.content).toContain('10 tokens: 7 in, 3 out.')
  })

  test('a tool that the model invents is told to it, and it goes on', async () => {
    const provider = await newProvider(toolThenText('no_such_tool', '{}', ['sorry']))
    const home = await writeConfig({ providers: [{ provider, models: ['m'] }] })
    await using gateway = await testGateway({ home })
    const talk = await converse(gateway)
    expect(await talk.ask('go')).toMatchObject({ state: 'done' })
    expect((await talk.messages())[2]).toMatchObject({
      role: 'tool',
      content: expect.stringMatching(/^Error: .*no_such_tool/),
    })
  })
})

describe('a reset or a deletion', () => {
  test.each([
    ['reset', 'session.resumed', { reset: true, epoch: 2, seq: 0, run: null }],
    ['delete', 'session.deleted', {}],
  ])('session.%s ends what works and what waits, each told of before %s', async (verb, type, payload) => {
    await using gateway = await testGateway()
    using writer = await rawSocket(gateway.port, { token: testToken })
    using reader = await rawSocket(gateway.port, { token: testToken })
    const sessionId = await newSession(writer)
    await reader.ask('session.subscribe', { sessionId })
    const runIds = await begin(writer, sessionId, ['/slow 400', 'second', 'third'])
    expect(await writer.ask(`session.${verb}`, { sessionId })).not.toMatchObject({ type: 'error' })
    const end = await reader.until(frame => frame.type === type && frame.replyTo === undefined)
    expect(end.payload).toMatchObject({ sessionId, ...payload })
    const final = await reader.until(frame => frame.type === 'session.message.final')
    expect(final).toMatchObject({ epoch: 1, seq: 4, payload: { runId: runIds[0], incomplete: true } })
    expect(reader.frames.slice(reader.frames.indexOf(final)).filter(isTurn).map(turnOf)).toEqual([
      ['session.message.final', runIds[0], undefined],
      ...runIds.map(runId => ['run.finished', runId, 'cancelled']),
      [type, undefined, undefined],
    ])
    const { content } = final.payload['message'] as { content: string } // As the events table has it.
    expect(content).toMatch(/^word1 word2/)
    expect(streamedOf(reader, runIds[0])).toMatch(new RegExp(`^${content}`))
    if (verb === 'delete') await writer.ask('session.restore', { sessionId })
    const history = await writer.ask('session.history', { sessionId, epoch: 1, after: 0 })
    expect(history.payload['messages']).toMatchObject([
      ...['/slow 400', 'second', 'third'].map(text => ({ role: 'user', content: text })),
      { seq: 4, role: 'assistant', runId: runIds[0], incomplete: true, content },
    ])
    // Nothing of the three is left: the next message is answered at once, as the only one.
    await fill(writer, sessionId, 1)
    const next = verb === 'delete' ? entry(6) : entry(2, 2)
    expect(await writer.until(next)).toMatchObject({ payload: { message: { content: 'offline: message 1' } } })
    expect(writer.frames.filter(({ type }) => type === 'run.started')).toHaveLength(2)
  })

  test.each(['session.reset', 'session.delete'])('a repeat of %s leaves the runs that came after it', async type => {
    await using gateway = await testGateway()
    using writer = await rawSocket(gateway.port, { token: testToken })
    const sessionId = await newSession(writer)
    await begin(writer, sessionId, ['/slow 400'])
    const first = await writer.ask(type, { sessionId }, { id: 'just-once' })
    if (type === 'session.delete') await writer.ask('session.restore', { sessionId })
    const [works, waits] = await begin(writer, sessionId, ['/slow 400', 'second'])
    const repeat = await writer.ask(type, { sessionId }, { id: 'just-once' })
    expect(repeat).toMatchObject({ type: first.type, payload: { ...first.payload, duplicate: true } })
    expect(await writer.ask('session.cancel', { sessionId })).toMatchObject({ payload: { runId: works } })
    const finished = await writer.until(frame => frame.type === 'run.finished' && frame.payload['runId'] === waits)
    expect(finished.payload).toMatchObject({ state: 'done' })
  })

  test('/reset ends what waits behind it, and answers as the first entry of the new epoch', async () => {
    await using gateway = await testGateway()
    using writer = await rawSocket(gateway.port, { token: testToken })
    const sessionId = await newSession(writer)
    const [slow, command, behind] = await begin(writer, sessionId, ['/slow 400', '/reset', 'behind'])
    await writer.ask('session.cancel', { sessionId })
    await writer.until(frame => frame.type === 'run.finished' && frame.payload['runId'] === command)
    expect(writer.frames.filter(isTurn).map(turnOf)).toEqual([
      ['run.started', slow, 'running'],
      ['session.message.final', slow, undefined],
      ['run.finished', slow, 'cancelled'],
      ['run.started', command, 'running'],
      ['run.finished', behind, 'cancelled'],
      ['session.resumed', undefined, undefined],
      ['session.message.final', command, undefined],
      ['run.finished', command, 'done'],
    ])
    const history = await writer.ask('session.history', { sessionId, after: 0 })
    expect(history.payload).toMatchObject({ epoch: 2, messages: [{ seq: 1, role: 'assistant', runId: command }] })
    await fill(writer, sessionId, 1)
  })

  test('the provider is hung up on, and is told nothing of before', async () => {
    const provider = await newProvider((_request, index) =>
      index === 0 ? { steps: ['half'], end: 'hang' } : { steps: ['whole'] },
    )
    const home = await writeConfig({ providers: [{ provider, models: ['m'] }] })
    await using gateway = await testGateway({ home })
    const talk = await converse(gateway)
    const runs = [await talk.send('before'), await talk.send('waiting')]
    await talk.until('session.message.delta')
    await talk.client.request('session.reset', { sessionId: talk.sessionId })
    await provider.requests[0]?.closed
    for (const run of runs) expect(await talk.ended(run)).toMatchObject({ state: 'cancelled' })
    expect(await talk.ask('after')).toMatchObject({ state: 'done' })
    expect(provider.requests).toHaveLength(2)
    expect(provider.requests[1]?.body.messages.filter(({ role }) => role !== 'system')).toEqual([
      { role: 'user', content: 'after' },
    ])
    const { messages } = await talk.client.request('session.history', { sessionId: talk.sessionId, epoch: 1 })
    expect(messages.map(({ content }) => content)).toEqual(['before', 'waiting', 'half'])
  })
})

describe('the choice of the model', () => {
  test('a session has its own, another the one of agent.model', async () => {
    const provider = await newProvider([{ steps: ['x'] }])
    const home = await writeConfig({ providers: [{ provider, models: ['a', 'b'] }], agent: { model: 'b' } })
    await using gateway = await testGateway({ home })
    const [own, common] = [await converse(gateway, { model: 'main/a' }), await converse(gateway)]
    await own.ask('hi')
    await common.ask('hi')
    expect(provider.requests.map(({ body }) => body['model'])).toEqual(['a', 'b'])
    await common.client.request('session.update', { sessionId: common.sessionId, model: 'a' })
    await common.ask('again')
    expect(provider.requests.at(-1)?.body['model']).toBe('a')
  })

  test('a session whose model no provider has goes on with the common one, which is logged', async () => {
    await using gateway = await testGateway()
    const talk = await converse(gateway)
    await gateway.app.store.updateSession({ sessionId: talk.sessionId, model: 'gone/model-1' })
    expect(await talk.ask('hi')).toMatchObject({ state: 'done' })
    expect(gateway.logs.join('')).toContain('no provider has the model of this session')
    const { session } = await talk.client.request('session.get', { sessionId: talk.sessionId })
    expect(session.model).toBe('gone/model-1')
  })

  test('a model that is not there fails the run with the names of those that are', async () => {
    await using gateway = await testGateway({ env: { TALON_AGENT_MODEL: 'gone' } })
    const talk = await converse(gateway)
    const { state, error } = await talk.ask('hi')
    expect({ state, error }).toEqual({
      state: 'failed',
      error: expect.stringMatching(/no model "gone".*offline\/offline/),
    })
    expect((await talk.until('session.error')).payload).toMatchObject({ code: 'PROVIDER_ERROR' })
  })
})

async function newProvider(script: Script): Promise<ScriptedProvider> {
  const provider = await scriptedProvider(script)
  onTestFinished(() => provider.close())
  return provider
}

/** Sends these, the first of them a slow one, and waits until that one has said something. */
async function begin(socket: RawSocket, sessionId: string, texts: string[]): Promise<string[]> {
  const accepted = await Promise.all(texts.map(text => socket.ask('session.send_message', { sessionId, text })))
  const runIds = accepted.map(({ payload }) => String(payload['runId']))
  await socket.until(
    ({ type, payload }) =>
      type === 'session.message.delta' && payload['runId'] === runIds[0] && Number(payload['index']) >= 2,
  )
  return runIds
}

/** What begins or ends something and answers no request. */
function isTurn({ type, replyTo }: ServerFrame): boolean {
  return replyTo === undefined && /^run\.|\.final$|^session\.(resumed|deleted)$/.test(type)
}

function turnOf({ type, payload }: ServerFrame): unknown[] {
  return [type, payload['runId'], payload['state']]
}

function streamedOf({ frames }: RawSocket, runId: string | undefined): string {
  return frames
    .filter(({ type, payload }) => type === 'session.message.delta' && payload['runId'] === runId)
    .map(({ payload }) => payload['delta'])
    .join('')
}
