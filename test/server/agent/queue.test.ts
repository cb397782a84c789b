import { describe, expect, onTestFinished, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
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
