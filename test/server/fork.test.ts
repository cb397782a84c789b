import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { entry, everyPlace, fill, newSession, places } from '../support/log-reader.ts'
import { errorLines, type RawSocket, rawSocket } from '../support/raw-socket.ts'
import { rest } from './api/rest.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await testGateway()
})
afterAll(async () => {
  expect(errorLines(gateway.logs)).toEqual([])
  await gateway[Symbol.asyncDispose]()
})

const open = (token = testToken) => rawSocket(gateway.port, { token })

async function fork(socket: RawSocket, sessionId: string, atSeq: number, more: object = {}): Promise<string> {
  const { type, payload } = await socket.ask('session.fork', { sessionId, atSeq, ...more })
  expect(type).toBe('session.created')
  return String(payload['sessionId'])
}

async function texts(socket: RawSocket, sessionId: string, more: object = {}): Promise<string[]> {
  const { payload } = await socket.ask('session.history', { sessionId, after: 0, ...more })
  return (payload['messages'] as { content: string }[]).map(({ content }) => content) // By the schema of its reply.
}

/** Sends a message and gives the last answer to it. */
async function say(socket: RawSocket, sessionId: string, text: string): Promise<string | undefined> {
  const { payload } = await socket.ask('session.send_message', { sessionId, text })
  await socket.until(frame => frame.type === 'run.finished' && frame.payload['runId'] === payload['runId'])
  return (await texts(socket, sessionId)).at(-1)
}

test('a fork is told of with its source, and whoever made it hears what is said in it', async () => {
  using socket = await open()
  using watcher = await open()
  await watcher.ask('session.list', { watch: true })
  const sessionId = await newSession(socket, { title: 'Engines' })
  await fill(socket, sessionId, 2)
  const created = await socket.ask('session.fork', { sessionId, atSeq: 2 })
  const forkId = String(created.payload['sessionId'])
  const told = {
    sessionId: forkId,
    senderId: 'ada',
    channel: 'test',
    title: 'Engines (fork)',
    createdAt: expect.any(Number),
    forkedFrom: { sessionId, epoch: 1, seq: 2 },
  }
  expect(created).toMatchObject({ type: 'session.created', payload: told })
  const heard = await watcher.until(frame => frame.type === 'session.created' && frame.payload['sessionId'] === forkId)
  expect(heard.payload).toEqual(told)
  expect(await say(socket, forkId, 'elsewhere')).toBe('offline: elsewhere')
  expect(places(socket, forkId)).toEqual(['1.3', '1.4'])
  expect(await texts(socket, sessionId)).toHaveLength(4)
  const { payload } = await socket.ask('session.get', { sessionId: forkId })
  expect(payload['session']).toMatchObject({ seq: 4, messageCount: 4, forkedFrom: told.forkedFrom })
})

test.each([0, 1, 3, 4, 5, 6])(
  'a subscription to a fork after entry %i crosses the border without gap or double',
  async after => {
    using writer = await open()
    using reader = await open()
    const sessionId = await newSession(writer)
    await fill(writer, sessionId, 3)
    const forkId = await fork(writer, sessionId, 4)
    await fill(writer, forkId, 1)
    const resumed = await reader.ask('session.subscribe', { sessionId: forkId, epoch: 1, after })
    expect(resumed.payload).toMatchObject({ sessionId: forkId, epoch: 1, seq: 6, reset: false, replayed: 6 - after })
    await fill(writer, forkId, 1)
    await reader.until(entry(8))
    expect(places(reader, forkId)).toEqual(everyPlace(8, 1, after + 1))
    // What it shows of its source is told as its own, and the source is not told at all.
    expect(places(reader, sessionId)).toEqual([])
  },
)

test('a client that says hello again goes on inside what a fork took over', async () => {
  using writer = await open()
  const sessionId = await newSession(writer)
  await fill(writer, sessionId, 3)
  const forkId = await fork(writer, sessionId, 5)
  await fill(writer, forkId, 1)
  const resume = [{ sessionId: forkId, epoch: 1, after: 2 }]
  using reader = await rawSocket(gateway.port, { token: testToken, hello: { resume } })
  await reader.until(entry(7))
  expect(places(reader, forkId)).toEqual(everyPlace(7, 1, 3))
})

test('Server-Sent Events of a fork begin where they are asked to, in what it took over too', async () => {
  using writer = await open()
  const sessionId = await newSession(writer)
  await fill(writer, sessionId, 2)
  const forkId = await fork(writer, sessionId, 3)
  await fill(writer, forkId, 1)
  const abort = new AbortController()
  const headers = { 'last-event-id': '1.1' }
  const response = await gateway.fetch(`/api/v1/sessions/${forkId}/events`, { headers, signal: abort.signal })
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.includes('id: 1.5\n')) break
  }
  abort.abort()
  expect([...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id)).toEqual(everyPlace(5, 1, 2))
})

test('the model is told what the fork took over, and nothing of what the source said since', async () => {
  using socket = await open()
  const sessionId = await newSession(socket)
  await say(socket, sessionId, 'one')
  await say(socket, sessionId, 'two')
  const forkId = await fork(socket, sessionId, 2)
  const tokens = async (id: string) => {
    const run = (await gateway.app.store.listRuns({ sessionId: id, epoch: 1, limit: 1 }))[0]
    return run?.usage?.inputTokens ?? 0
  }
  await say(socket, sessionId, 'three')
  await say(socket, forkId, 'three')
  // A word is a token of the offline model: "two" and "offline: two" are missing.
  expect((await tokens(sessionId)) - (await tokens(forkId))).toBe(3)
})

test.each([
  ['between a call of a tool and its result', 2],
  ['after the result, before the answer', 3],
  ['after the question, before its call', 1],
])('a fork %s goes on', async (_what, atSeq) => {
  using socket = await open()
  const sessionId = await newSession(socket)
  await say(socket, sessionId, '/tool file_list {}')
  const { payload } = await socket.ask('session.history', { sessionId, after: 0 })
  expect(payload['messages']).toMatchObject([{}, { toolCalls: [{}] }, { role: 'tool' }, { role: 'assistant' }])
  const forkId = await fork(socket, sessionId, atSeq)
  expect(await say(socket, forkId, 'and now?')).toBe('offline: and now?')
  expect(await say(socket, forkId, '/tool file_list {}')).toMatch(/^offline: /)
  expect((await socket.ask('session.get', { sessionId: forkId })).payload['session']).toMatchObject({ state: 'idle' })
})

test('a fork of a session whose run works takes what is stored, and the run goes on by itself', async () => {
  using socket = await open()
  const sessionId = await newSession(socket)
  const { payload } = await socket.ask('session.send_message', { sessionId, text: '/slow 20' })
  const forkId = await fork(socket, sessionId, 1)
  expect(await say(socket, forkId, 'meanwhile')).toBe('offline: meanwhile')
  const isEnd = (runId: unknown) =>
    socket.until(({ type, payload }) => type === 'run.finished' && payload['runId'] === runId)
  await isEnd(payload['runId'])
  expect(await texts(socket, forkId)).toEqual(['/slow 20', 'meanwhile', 'offline: meanwhile'])
  expect((await texts(socket, sessionId)).at(-1)).toMatch(/word20$/)
})

test('a deleted source leaves its forks as they are, and a reset of a fork archives what it took over', async () => {
  using socket = await open()
  const sessionId = await newSession(socket)
  await say(socket, sessionId, 'one')
  const forkId = await fork(socket, sessionId, 2)
  await socket.ask('session.delete', { sessionId })
  await gateway.app.store.eraseDeleted({ before: Number.MAX_SAFE_INTEGER })
  expect(await texts(socket, forkId)).toEqual(['one', 'offline: one'])
  expect((await socket.ask('session.restore', { sessionId })).payload['code']).toBe('SESSION_NOT_FOUND')
  await socket.ask('session.reset', { sessionId: forkId })
  expect(await texts(socket, forkId)).toEqual([])
  expect(await texts(socket, forkId, { epoch: 1 })).toEqual(['one', 'offline: one'])
  const again = await fork(socket, forkId, 1, { epoch: 1, title: 'again' })
  expect(await say(socket, again, 'two')).toBe('offline: two')
  expect(await texts(socket, again)).toEqual(['one', 'two', 'offline: two'])
})

test('the next message of a sender goes to the conversation that was forked, not to its fork', async () => {
  using socket = await open()
  const message = { channel: 'telegram', senderId: 'fork-4711', text: 'hello' }
  const first = await socket.ask('channel.message', message)
  const sessionId = String(first.payload['sessionId'])
  const forkId = await fork(socket, sessionId, 1)
  await say(socket, forkId, 'newest activity')
  expect((await socket.ask('channel.message', message)).payload['sessionId']).toBe(sessionId)
})

test('what cannot be forked is refused with a sentence that helps', async () => {
  using socket = await open()
  const sessionId = await newSession(socket)
  await say(socket, sessionId, 'one')
  const refused = async (payload: object) => (await socket.ask('session.fork', payload)).payload
  expect(await refused({ sessionId, atSeq: 3 })).toMatchObject({
    code: 'INVALID_MESSAGE',
    error: 'There is no entry 3 to fork at: the newest of epoch 1 is 2.',
    details: { head: { epoch: 1, seq: 2 } },
  })
  expect(await refused({ sessionId, atSeq: 1, epoch: 2 })).toMatchObject({ code: 'NOT_FOUND' })
  expect(await refused({ sessionId: 'none', atSeq: 1 })).toMatchObject({ code: 'SESSION_NOT_FOUND' })
  for (const atSeq of [-1, 1.5, '1', null]) {
    expect(await refused({ sessionId, atSeq })).toMatchObject({ code: 'INVALID_MESSAGE' })
  }
  using reader = await open(await gateway.token('read'))
  expect((await reader.ask('session.fork', { sessionId, atSeq: 1 })).payload['code']).toBe('FORBIDDEN')
})

test('over HTTP a fork is 201 with its place, once per Idempotency-Key, and its history is paged like any other', async () => {
  using socket = await open()
  const sessionId = await newSession(socket)
  await fill(socket, sessionId, 2)
  const path = `/api/v1/sessions/${sessionId}/fork`
  const made = await rest(gateway, 'POST', path, { body: { atSeq: 3, title: 'mine' }, key: 'fork' })
  const forkId = String(made.body['sessionId'])
  expect(made).toMatchObject({ status: 201, body: { title: 'mine', forkedFrom: { sessionId, epoch: 1, seq: 3 } } })
  expect(made.headers.get('location')).toBe(`/api/v1/sessions/${forkId}`)
  const again = await rest(gateway, 'POST', path, { body: { atSeq: 3, title: 'mine' }, key: 'fork' })
  expect(again).toMatchObject({ status: 201, body: { ...made.body, duplicate: true } })
  expect((await rest(gateway, 'POST', path, { body: { atSeq: 9 } })).status).toBe(400)
  expect((await rest(gateway, 'POST', path, { body: {} })).status).toBe(400)

  await rest(gateway, 'POST', `/api/v1/sessions/${forkId}/messages`, { body: { text: '/help' } })
  const seen: number[] = []
  let cursor = ''
  for (let page = 0; page < 9; page++) {
    const { body } = await rest(gateway, 'GET', `/api/v1/sessions/${forkId}/messages?limit=2${cursor}`)
    seen.unshift(...(body['messages'] as { seq: number }[]).map(({ seq }) => seq)) // By the schema of its reply.
    if (body['nextCursor'] === null) break
    cursor = `&cursor=${body['nextCursor']}`
  }
  expect(seen.slice(0, 4)).toEqual([1, 2, 3, 4])
})
