import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { testGateway, testToken } from '../support/gateway.ts'
import { scriptedProvider } from '../support/scripted-provider.ts'
import { writeConfig } from './agent/config.ts'
import { connectOld } from './old-client.ts'

test('the first frame of every connection is config.updated, of a v1 client too', async () => {
  await using gateway = await testGateway()
  const old = connectOld(gateway)
  expect(await old.next('config.updated')).toEqual({ message: 'Connected to Talon Gateway' })
  expect(old.frames[0]?.type).toBe('config.updated')
  const seen: string[] = []
  const modern = gateway.client()
  modern.on('*', (_payload, frame) => seen.push(frame.type))
  await modern.request('ping', {})
  expect(seen[0]).toBe('config.updated')
})

test('every old request is answered as v0.3.3 answered it', async () => {
  await using gateway = await testGateway()
  const old = connectOld(gateway)
  old.send('session.create', {})
  const created = await old.next('session.created')
  expect(created).toMatchObject({ sessionId: expect.any(String), senderId: 'web-user', channel: 'webchat' })
  const { sessionId } = created
  old.send('session.list')
  expect(await old.next('session.list')).toMatchObject({
    sessions: [{ id: sessionId, senderId: 'web-user', channel: 'webchat', state: 'created', messageCount: 0 }],
  })
  old.send('tools.list')
  const { tools } = await old.next('tools.list')
  expect(tools).toContainEqual(expect.objectContaining({ name: 'file_read', description: expect.any(String) }))
  old.send('gateway.status')
  expect(await old.next('gateway.status')).toMatchObject({ status: 'ok', stats: { sessions: 1, wsClients: 1 } })
  old.send('tools.invoke', { toolName: 'file_write', args: { path: 'a.txt', content: 'x' } })
  expect(await old.next('tools.result')).toMatchObject({
    toolName: 'file_write',
    success: true,
    output: expect.any(String),
  })
  old.send('tools.invoke', { toolName: 'file_read', args: { path: 'none' } })
  expect(await old.next('tools.result')).toMatchObject({
    toolName: 'file_read',
    success: false,
    error: expect.any(String),
  })
  old.send('session.reset', { sessionId })
  expect(await old.next('session.reset')).toMatchObject({ sessionId, success: true })
  expect(old.frames.filter(({ type }) => type.endsWith('error'))).toEqual([])
})

test('a message has no reply of its own; its run comes frame by frame, the whole answer once', async () => {
  await using gateway = await testGateway()
  const old = connectOld(gateway)
  old.send('session.create', { senderId: 'ada', channel: 'cli', senderName: null })
  const { sessionId } = await old.next('session.created')
  const from = old.frames.length
  old.send('session.send_message', { sessionId, text: 'hello there' })
  await old.next('session.message.final')
  const usage = {
    inputTokens: expect.any(Number),
    outputTokens: expect.any(Number),
    totalTokens: expect.any(Number),
    promptTokens: expect.any(Number),
    completionTokens: expect.any(Number),
  }
  expect(old.frames.slice(from).map(({ type, payload }) => ({ type, payload }))).toEqual([
    { type: 'agent.response', payload: { type: 'thinking', content: '', iteration: 1 } },
    { type: 'agent.response', payload: { type: 'text', content: 'offline: hello there', iteration: 1 } },
    {
      type: 'agent.response.end',
      payload: { type: 'done', usage, model: 'offline', providerId: expect.any(String), iteration: 1 },
    },
    {
      type: 'session.message.final',
      payload: {
        sessionId,
        message: expect.objectContaining({
          role: 'assistant',
          content: 'offline: hello there',
          timestamp: expect.any(Number),
        }),
        usage,
        model: 'offline',
      },
    },
  ])
})

test('a tool call and its result come between the thinking and the text of the next iteration', async () => {
  await using gateway = await testGateway()
  const old = connectOld(gateway)
  old.send('session.create')
  const { sessionId } = await old.next('session.created')
  const from = old.frames.length
  const args = { path: 'note.txt', content: 'kept' }
  old.send('session.send_message', { sessionId, text: `/tool file_write ${JSON.stringify(args)}` })
  await old.next('session.message.final')
  const frames = old.frames.slice(from)
  expect(frames.map(({ type, payload }) => [type, payload['type'], payload['iteration']])).toEqual([
    ['agent.response', 'thinking', 1],
    ['tool.call', 'tool_call', 1],
    ['tool.result', 'tool_result', 1],
    ['agent.response', 'text', 2],
    ['agent.response.end', 'done', 2],
    ['session.message.final', undefined, undefined],
  ])
  const [, call, result] = frames
  expect(call?.payload['toolCall']).toEqual({ id: expect.any(String), name: 'file_write', args })
  const toolCall = call?.payload['toolCall'] as { id: string } | undefined // As the line above says.
  expect(result?.payload['toolResult']).toEqual({ id: toolCall?.id, output: expect.any(String), success: true })
  expect(await readFile(join(gateway.home, 'workspace', 'note.txt'), 'utf8')).toBe('kept')
})

test('a run that fails is an agent.response of type error with the reason', async () => {
  const provider = await scriptedProvider([{ status: 400, body: '{"error": {"message": "no such thing"}}' }])
  onTestFinished(() => provider.close())
  const home = await writeConfig({ providers: [{ provider, models: ['m'] }] })
  await using gateway = await testGateway({ home })
  const old = connectOld(gateway)
  old.send('session.create')
  const { sessionId } = await old.next('session.created')
  const from = old.frames.length
  old.send('session.send_message', { sessionId, text: 'x' })
  await old.next('session.error')
  expect(old.frames.slice(from)).toMatchObject([
    { type: 'agent.response', payload: { type: 'thinking' } },
    { type: 'agent.response', payload: { type: 'error', content: expect.stringContaining('no such thing') } },
    { type: 'session.error', payload: { sessionId, code: 'PROVIDER_ERROR' } },
  ])
})

test('errors have the words of v0.3.3', async () => {
  await using gateway = await testGateway()
  const old = connectOld(gateway)
  old.send('session.send_message', { sessionId: 'none', text: 'x' })
  expect(await old.next('session.error')).toMatchObject({
    error: expect.stringContaining('ession not found'),
    code: 'SESSION_NOT_FOUND',
    sessionId: 'none',
  })
  old.send('no.such')
  expect(await old.next('error')).toMatchObject({ error: 'Unknown message type: no.such' })
  old.raw('{not json')
  expect(await old.next('error')).toMatchObject({ error: 'Invalid message format' })
  old.send('session.send_message', { sessionId: 7 })
  expect(await old.next('error')).toMatchObject({ error: 'Invalid message format' })
})

test('two tabs: a message lands in the session that it names, and only its watchers hear of it', async () => {
  await using gateway = await testGateway()
  const [one, two] = [connectOld(gateway), connectOld(gateway)]
  one.send('session.create')
  two.send('session.create')
  const first = (await one.next('session.created'))['sessionId']
  const second = (await two.next('session.created'))['sessionId']
  expect(first).not.toBe(second)
  one.send('session.send_message', { sessionId: first, text: 'for one' })
  two.send('session.send_message', { sessionId: second, text: 'for two' })
  expect(await one.next('session.message.final')).toMatchObject({
    sessionId: first,
    message: { content: 'offline: for one' },
  })
  expect(await two.next('session.message.final')).toMatchObject({
    sessionId: second,
    message: { content: 'offline: for two' },
  })
  expect(one.frames.filter(({ payload }) => payload['sessionId'] === second)).toEqual([])
})

test('v0.3 ids are no idempotency keys: each process numbered its frames anew', async () => {
  await using gateway = await testGateway()
  const client = gateway.client()
  const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
  for (const text of ['one', 'two']) {
    const old = connectOld(gateway)
    old.raw(JSON.stringify({ id: '1', type: 'session.send_message', timestamp: 1, payload: { sessionId, text } }))
    await old.next('session.message.final')
  }
  const { messages } = await client.request('session.history', { sessionId })
  expect(messages.filter(({ role }) => role === 'user').map(({ content }) => content)).toEqual(['one', 'two'])
})

test('channel.message finds or makes the session of its sender, or of its group', async () => {
  await using gateway = await testGateway()
  const old = connectOld(gateway)
  const say = async (senderId: string, text: string, group: object = {}) => {
    const message = {
      channel: 'chat',
      senderId,
      senderName: senderId,
      text,
      media: null,
      isGroup: false,
      groupId: null,
    }
    old.send('channel.message', { ...message, ...group })
    return (await old.next('session.message.final'))['sessionId']
  }
  const ada = await say('ada', 'hi')
  expect(await say('ada', 'again')).toBe(ada)
  expect(await say('bob', 'hi')).not.toBe(ada)
  const group = await say('ada', 'all', { isGroup: true, groupId: 'g1' })
  expect(group).not.toBe(ada)
  expect(await say('bob', 'all too', { isGroup: true, groupId: 'g1' })).toBe(group)
  expect(await say('ada', 'all', { isGroup: true, groupId: 'g2' })).not.toBe(group)
  expect(await say('ada', 'just me')).toBe(ada)
})

test('nobody is let in without signing in, and a token has its own scopes only', async () => {
  await using gateway = await testGateway()
  const stranger = connectOld(gateway, '')
  await stranger.next('config.updated')
  stranger.send('session.list')
  expect(await stranger.next('error')).toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(await stranger.closed).toBe(4003)
  const reader = connectOld(gateway, await gateway.token('read'))
  reader.send('session.create')
  expect(await reader.next('error')).toMatchObject({ code: 'FORBIDDEN' })
  reader.send('session.list')
  expect(await reader.next('session.list')).toMatchObject({ sessions: [] })
})

test('with protocol.legacy off an old client is told which versions there are, and nothing is done', async () => {
  await using gateway = await testGateway({ env: { TALON_PROTOCOL_LEGACY: 'false' } })
  const old = connectOld(gateway)
  old.send('session.create')
  expect(await old.next('error')).toMatchObject({ code: 'VERSION_MISMATCH', supported: ['1.0.0'] })
  expect((await (await gateway.fetch('/api/v1/sessions')).json()).sessions).toEqual([])
  expect((await gateway.fetch('/api/sessions')).status).toBe(404)
})

test('with auth.mode=none the unmodified old client works', async () => {
  await using gateway = await testGateway({ env: { TALON_AUTH_MODE: 'none' } })
  const old = connectOld(gateway, '')
  old.send('session.create')
  expect(await old.next('session.created')).toMatchObject({ channel: 'webchat' })
})

test('the REST routes of v0.3.3 have their shapes', async () => {
  await using gateway = await testGateway()
  const old = connectOld(gateway)
  old.send('session.create', { title: 'x' })
  const { sessionId } = await old.next('session.created')
  const get = async (path: string, token?: string) => {
    const response = await gateway.fetch(path, token === undefined ? {} : { token })
    return { status: response.status, body: await response.json() }
  }
  expect(await get('/api/health', '')).toMatchObject({
    status: 200,
    body: {
      status: 'ok',
      uptime: expect.any(Number),
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      stats: { sessions: 1 },
    },
  })
  expect(await get('/api/ready', '')).toEqual({ status: 200, body: { ready: true } })
  expect(await get('/api/health/deep')).toMatchObject({
    status: 200,
    body: { status: 'ok', checks: { sessions: {}, agent: {}, memory: {} } },
  })
  const send = await gateway.fetch(`/api/sessions/${sessionId}/send`, {
    method: 'POST',
    body: JSON.stringify({ text: 'by REST', senderName: 'Ada' }),
  })
  expect([send.status, await send.json()]).toEqual([200, { status: 'queued', sessionId }])
  await old.next('session.message.final')
  expect(await get('/api/sessions')).toMatchObject({ status: 200, body: [{ id: sessionId, messageCount: 2 }] })
  expect(await get(`/api/sessions/${sessionId}`)).toMatchObject({
    status: 200,
    body: { id: sessionId, messages: [{ role: 'user', content: 'by REST' }, { role: 'assistant' }] },
  })
  expect(await get('/api/tools')).toMatchObject({
    body: { tools: expect.arrayContaining([expect.objectContaining({ name: 'file_read' })]) },
  })
  const config = await get('/api/config')
  expect(config.body).toMatchObject({ gateway: {}, agent: {}, channels: {} })
  expect(JSON.stringify(config.body)).not.toContain(testToken)
  for (const path of ['/api/sessions/none', '/api/sessions/none/send']) {
    const response = await gateway.fetch(path, path.endsWith('send') ? { method: 'POST', body: '{"text": "x"}' } : {})
    expect([response.status, await response.json()]).toEqual([404, { error: 'Session not found' }])
  }
})
