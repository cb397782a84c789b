import { expect, onTestFinished, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
import { scriptedProvider } from '../../support/scripted-provider.ts'
import { writeConfig } from './config.ts'
import { converse } from './conversation.ts'

const expected: [command: string, answer: RegExp][] = [
  [
    '/help',
    /`\/help`[\s\S]*`\/model <name>`[\s\S]*`\/new`[\s\S]*`\/reset`[\s\S]*`\/status`[\s\S]*`\/tools`[\s\S]*`\/usage`/,
  ],
  ['/status', /Gateway: ok, Talon \d+\.\d+\.\d+[\s\S]*This session: `sess_/],
  ['/tools', /`file_read` \(safe\)/],
  ['/usage', /^\d+ answers, \d+ tokens: \d+ in, \d+ out\.\n- Cost: 0\.00 USD\n/],
  ['/model', /This session uses `offline`[\s\S]*`offline\/offline`/],
  ['/model no-such', /There is no model `no-such`[\s\S]*`offline\/offline`/],
  [' /HELP ', /`\/help`/],
]

test.each(expected)('%s is answered by the gateway itself, over WebSocket', async (command, answer) => {
  await using gateway = await testGateway()
  const talk = await converse(gateway)
  await talk.ask('hello')
  const runId = await talk.send(command)
  expect(await talk.ended(runId)).toMatchObject({ state: 'done' })
  const messages = await talk.messages()
  expect(messages.at(-1)).toMatchObject({
    role: 'assistant',
    model: 'talon',
    runId,
    content: expect.stringMatching(answer),
  })
  const finals = talk.events.filter(event => event.type === 'session.message.final')
  expect(finals.at(-1)).toMatchObject({ payload: { runId, model: 'talon' } })
})

test('commands work the same over REST', async () => {
  await using gateway = await testGateway()
  const talk = await converse(gateway)
  const path = `/api/v1/sessions/${talk.sessionId}/messages`
  const response = await gateway.fetch(path, { method: 'POST', body: JSON.stringify({ text: '/status' }) })
  await talk.ended((await response.json()).runId)
  expect((await talk.messages()).at(-1)).toMatchObject({
    model: 'talon',
    content: expect.stringContaining('Gateway: ok'),
  })
})

test('commands work the same over channel.message', async () => {
  await using gateway = await testGateway()
  const client = gateway.client()
  const final = new Promise(resolve => client.on('session.message.final', resolve))
  const message = { channel: 'chat', senderId: 'ada', text: '/usage' }
  const { sessionId } = await client.request('channel.message', message)
  expect(await final).toMatchObject({
    sessionId,
    model: 'talon',
    message: { content: expect.stringMatching(/answers, 0 tokens/) },
  })
})

test('/reset archives the history and answers as the first entry of the new epoch', async () => {
  await using gateway = await testGateway()
  const talk = await converse(gateway)
  await talk.ask('remember this')
  await talk.ask('/reset')
  const { epoch, messages } = await talk.client.request('session.history', { sessionId: talk.sessionId })
  expect({ epoch, messages }).toMatchObject({
    epoch: 2,
    messages: [{ seq: 1, role: 'assistant', model: 'talon', content: expect.stringContaining('starts anew') }],
  })
  const old = await talk.client.request('session.history', { sessionId: talk.sessionId, epoch: 1 })
  expect(old.messages.map(({ content }) => content)).toEqual(['remember this', 'offline: remember this', '/reset'])
  const types = talk.events.map(event => event.type)
  expect(types.indexOf('reset')).toBeLessThan(types.lastIndexOf('session.message.final'))
  expect(talk.events.at(types.lastIndexOf('session.message.final'))).toMatchObject({ epoch: 2, seq: 1 })
})

test('/new names a session of the same sender that exists', async () => {
  await using gateway = await testGateway()
  const talk = await converse(gateway)
  await talk.ask('/new')
  const [sessionId = ''] = /sess_[\w-]+/.exec((await talk.messages()).at(-1)?.content ?? '') ?? []
  expect(sessionId).not.toBe(talk.sessionId)
  const { session } = await talk.client.request('session.get', { sessionId })
  expect(session).toMatchObject({ senderId: 'ada', channel: 'test', messageCount: 0 })
})

test('/model changes who answers from the next message on', async () => {
  const provider = await scriptedProvider([{ steps: ['from b'] }])
  onTestFinished(() => provider.close())
  const home = await writeConfig({ providers: [{ provider, models: ['a', 'b'] }] })
  await using gateway = await testGateway({ home })
  const talk = await converse(gateway)
  await talk.ask('/model main/b')
  expect(provider.requests).toEqual([])
  await talk.ask('hi')
  expect(provider.requests[0]?.body['model']).toBe('b')
  const { session } = await talk.client.request('session.get', { sessionId: talk.sessionId })
  expect(session.model).toBe('main/b')
})

test.each(['/nonsense', '/helpme', '/ help', 'say /help', '//help'])('%s goes to the model', async text => {
  await using gateway = await testGateway()
  const talk = await converse(gateway)
  await talk.ask(text)
  expect((await talk.messages()).at(-1)).toMatchObject({ model: 'offline', content: `offline: ${text}` })
})

test('/usage counts the tokens of all runs of the session', async () => {
  const provider = await scriptedProvider([{ steps: ['x'], usage: { input: 100, output: 20 } }])
  onTestFinished(() => provider.close())
  const home = await writeConfig({ providers: [{ provider, models: ['m'] }] })
  await using gateway = await testGateway({ home })
  const talk = await converse(gateway)
  await talk.ask('one')
  await talk.ask('two')
  await talk.ask('/usage')
  expect((await talk.messages()).at(-1)?.content).toMatch(
    / 240 tokens: 200 in, 40 out\.\n- Cost: 2 calls at a price that is not known\n- Tools: 0 runs/,
  )
})
