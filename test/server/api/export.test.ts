import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestGateway, testGateway } from '../../support/gateway.ts'
import { errorLines } from '../../support/raw-socket.ts'
import { rows as queryRows } from '../agent/conversation.ts'
import { converse, newSession, rest } from './rest.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await testGateway()
})
afterAll(() => gateway[Symbol.asyncDispose]())

const base = '/api/v1/sessions'
const patient = { timeout: 20_000 }
type File = {
  exportedAt: number
  session: Record<string, unknown>
  epochs: { epoch: number; messages: Record<string, unknown>[] }[]
}

async function exported(sessionId: string, query = ''): Promise<File> {
  const response = await gateway.fetch(`${base}/${sessionId}/export${query}`)
  expect(response.status).toBe(200)
  return JSON.parse(await response.text())
}

const upload = (body: BodyInit, options: { token?: string; headers?: Record<string, string> } = {}) =>
  gateway.fetch(`${base}/import`, { method: 'POST', body, duplex: 'half', ...options } as RequestInit)

async function imported(file: unknown): Promise<{ sessionId: string; messages: number; renamed: boolean }> {
  const response = await upload(JSON.stringify(file))
  const body = await response.json()
  expect(body).toMatchObject({ sessionId: expect.any(String) })
  expect(response.status).toBe(201)
  return body
}

/** A session with all that one can have: tools, a reset, a summary, a fork below it. */
async function eventful(): Promise<string> {
  const id = await newSession(gateway, { title: 'Ein Test / „Engines“ 😀', senderName: 'Ada', config: { a: [1] } })
  await converse(gateway, id, 'before')
  await rest(gateway, 'POST', `${base}/${id}/reset`)
  await converse(gateway, id, 'one')
  await converse(gateway, id, '/tool file_list {}')
  await gateway.app.store.saveMemorySummary({ sessionId: id, summary: 'They met.', throughSeq: 2 })
  return id
}

/** What has to come back: everything but the ids of messages that were taken, and the time of the export. */
function comparable({ session, epochs }: File) {
  const { id: _id, ...rest } = session
  return { session: rest, epochs: epochs.map(epoch => ({ ...epoch, messages: epoch.messages.map(withoutId) })) }
}

function withoutId({ id: _id, legacyId: _legacyId, ...message }: Record<string, unknown>) {
  return message
}

test('an export is a file with all there is of a session, one message a line', async () => {
  const id = await eventful()
  const response = await gateway.fetch(`${base}/${id}/export`)
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
  const day = new Date().toISOString().slice(0, 4)
  expect(response.headers.get('content-disposition')).toMatch(
    new RegExp(`^attachment; filename="talon-Ein-Test-Engines-${day}-\\d\\d-\\d\\d\\.json"$`),
  )
  const text = await response.text()
  expect(text.split('\n').filter(line => line.startsWith('{"id":'))).toHaveLength(8)
  const file = JSON.parse(text)
  const { session } = (await rest(gateway, 'GET', `${base}/${id}`)).body
  // What tools may do, and for whom it works, is no part of the conversation.
  const {
    profile: _rights,
    tainted: _here,
    elevatedUntil: _until,
    delegation: _for,
    ...said
  } = session as Record<string, unknown>
  expect(Object.keys(file.session)).not.toEqual(expect.arrayContaining(['profile']))
  expect(file).toMatchObject({
    format: 'talon.session',
    version: 1,
    exportedAt: expect.any(Number),
    session: {
      ...said,
      memorySummary: 'They met.',
      summaryThroughSeq: 2,
      groupId: null,
      legacy: null,
      usage: {
        runs: 3,
        inputTokens: expect.any(Number),
        outputTokens: expect.any(Number),
        totalTokens: expect.any(Number),
      },
    },
  })
  for (const { epoch, messages } of file.epochs) {
    const history = (await rest(gateway, 'GET', `${base}/${id}/messages?epoch=${epoch}&limit=100`)).body['messages']
    const withoutFinal = messages.map(({ final: _final, ...message }: Record<string, unknown>) => message)
    expect(withoutFinal).toEqual(history)
    expect(messages.at(-1).final).toBe(true)
  }
  expect(file.epochs.map(({ epoch }: { epoch: number }) => epoch)).toEqual([1, 2])
})

test('one epoch can be exported alone, and imported as a session that consists of it', async () => {
  const id = await eventful()
  const file = await exported(id, '?epoch=1')
  expect(file.epochs).toMatchObject([{ epoch: 1, messages: [{ content: 'before' }, {}] }])
  const { sessionId, messages } = await imported(file)
  expect(messages).toBe(2)
  expect((await rest(gateway, 'GET', `${base}/${sessionId}/messages`)).body).toMatchObject({
    epoch: 1,
    messages: [{ content: 'before' }, { content: 'offline: before' }],
  })
  expect((await exported(sessionId)).session).toMatchObject({ memorySummary: null, epoch: 1, seq: 2 })
})

test('what was exported comes back equal, beside the session that it was made of', async () => {
  const id = await eventful()
  const file = await exported(id)
  const copy = await imported(file)
  expect(copy).toEqual({ sessionId: expect.stringMatching(/^sess_/), messages: 8, renamed: true })
  expect(copy.sessionId).not.toBe(id)
  const again = await exported(copy.sessionId)
  expect(comparable(again)).toEqual(comparable(file))
  // The ids of messages are taken, so the old ones stand beside the new.
  expect(again.epochs.flatMap(({ messages }) => messages.map(({ legacyId }) => legacyId))).toEqual(
    file.epochs.flatMap(({ messages }) => messages.map(({ id }) => id)),
  )
  await converse(gateway, copy.sessionId, 'and on')
  expect((await exported(id)).epochs).toEqual(file.epochs)
})

test('in another gateway it keeps every id, and a second time there it gets new ones', async () => {
  await using other = await testGateway()
  const id = await eventful()
  const text = await (await gateway.fetch(`${base}/${id}/export`)).text()
  const post = async () => (await other.fetch(`${base}/import`, { method: 'POST', body: text })).json()
  expect(await post()).toEqual({ sessionId: id, messages: 8, renamed: false })
  const back = await (await other.fetch(`${base}/${id}/export`)).json()
  expect({ ...back, exportedAt: 0 }).toEqual({ ...JSON.parse(text), exportedAt: 0 })
  expect(await post()).toMatchObject({ messages: 8, renamed: true })
  expect((await rest(other, 'GET', base)).body['sessions']).toHaveLength(2)
})

test('a fork is exported whole, and imported it needs its source no more', async () => {
  const id = await eventful()
  const fork = await rest(gateway, 'POST', `${base}/${id}/fork`, { body: { atSeq: 3 } })
  const forkId = String(fork.body['sessionId'])
  await converse(gateway, forkId, 'elsewhere')
  const file = await exported(forkId)
  expect(file.epochs[0]?.messages).toHaveLength(5)
  expect(file.session).toMatchObject({ forkedFrom: { sessionId: id, epoch: 2, seq: 3 } })
  const { sessionId } = await imported(file)
  expect(comparable(await exported(sessionId))).toEqual(comparable(file))
})

test('the next message of a sender goes to a session that was imported into its place, and not to a copy', async () => {
  await using other = await testGateway()
  const message = { channel: 'telegram', senderId: '4711', text: 'hello' }
  const first = await other.app.store.sendMessage({
    target: { findOrCreate: { id: 'old', senderId: '4711', channel: 'telegram' } },
    messageId: 'm',
    runId: 'r',
    text: message.text,
    tokenId: 't',
    at: 1,
  })
  const file = await (await other.fetch(`${base}/${first.sessionId}/export`)).json()
  const post = async () => (await other.fetch(`${base}/import`, { method: 'POST', body: JSON.stringify(file) })).json()
  const send = async () => {
    const client = other.client()
    return (await client.request('channel.message', message)).sessionId
  }
  expect(await post()).toMatchObject({ renamed: true })
  expect(await send()).toBe('old')
  await rest(other, 'DELETE', `${base}/old`)
  await other.app.store.eraseDeleted({ before: Number.MAX_SAFE_INTEGER })
  expect(await post()).toMatchObject({ sessionId: 'old', renamed: false })
  expect(await send()).toBe('old')
})

test('members in another order, of another indent, or unknown are no obstacle', async () => {
  const file: Record<string, unknown> = { ...(await exported(await eventful())), extra: { deep: [1, { x: '}' }] } }
  const { epochs, ...head } = file
  const turned = `\uFEFF${JSON.stringify({ epochs, ...head }, null, 2)}\n`
  const response = await upload(turned)
  expect([response.status, await response.json()]).toMatchObject([201, { messages: 8 }])
})

const message = { id: 'm', role: 'user', content: 'x', timestamp: 1 }
const session = { id: 's', senderId: 'a', channel: 'c', title: null, model: null, createdAt: 1, lastActiveAt: 1 }
const whole = { format: 'talon.session', version: 1, session, epochs: [{ epoch: 1, messages: [message] }] }
const withMessages = (...messages: unknown[]) => ({ ...whole, epochs: [{ epoch: 1, messages }] })

test.each<[what: string, file: unknown, says: string]>([
  ['a session file of v0.3', { id: 'sess_1', messages: [] }, 'format: must be "talon.session"'],
  ['another format', { ...whole, format: 'x' }, 'format: '],
  ['a newer version', { ...whole, version: 2 }, 'version: must be 1. A newer Talon'],
  ['no version', { ...whole, version: undefined }, 'version: '],
  ['no session', { ...whole, session: undefined }, 'session: is missing'],
  ['a session without a sender', { ...whole, session: { ...session, senderId: undefined } }, 'session.senderId: '],
  ['a time that is none', { ...whole, session: { ...session, createdAt: 1.5 } }, 'session.createdAt: '],
  ['epochs that are no list', { ...whole, epochs: { epoch: 1 } }, 'epochs: must be a list'],
  ['an epoch that is no object', { ...whole, epochs: [7] }, 'epochs.0: must be an object'],
  ['an epoch twice', { ...whole, epochs: [{ epoch: 1 }, { epoch: 1 }] }, 'epochs.1.epoch: 1 comes twice'],
  ['an epoch beyond any', { ...whole, epochs: [{ epoch: 1e12 }] }, 'epochs.0.epoch: '],
  ['messages before their epoch', { ...whole, epochs: [{ messages: [message] }] }, 'epochs.0.epoch: must come before'],
  [
    'messages that are no list',
    { ...whole, epochs: [{ epoch: 1, messages: { a: 1 } }] },
    'epochs.0.messages: must be a list',
  ],
  ['a message of a wrong role', withMessages(message, { ...message, role: 'god' }), 'epochs.0.messages.1.role: '],
  ['a message without text', withMessages({ ...message, content: undefined }), 'epochs.0.messages.0.content: '],
  ['a message that is no object', withMessages(null), 'epochs.0.messages.0: '],
  [
    'a call without a name',
    withMessages({ ...message, toolCalls: [{ id: 'c', args: {} }] }),
    'epochs.0.messages.0.toolCalls.0.name: ',
  ],
  ['a list', [whole], 'This is not a JSON document of one object'],
])('%s is refused with the place of the fault, and leaves nothing', async (_what, file, says) => {
  const before = (await rest(gateway, 'GET', base)).body['sessions']
  const response = await upload(JSON.stringify(file))
  const body = await response.json()
  expect([response.status, body.code]).toEqual([400, 'INVALID_MESSAGE'])
  expect(body.detail).toContain(says)
  expect((await rest(gateway, 'GET', base)).body['sessions']).toEqual(before)
  expect(rows('SELECT id FROM sessions WHERE importing = 1 OR erasing = 1')).toEqual([])
})

test.each([
  ['nothing', ''],
  ['text', 'hello'],
  ['half of it', JSON.stringify(whole).slice(0, -20)],
  ['a comma too many', JSON.stringify(whole).replace('"epochs":[', '"epochs":[,')],
  ['a comma at the end', JSON.stringify(whole).replace(/\]\}$/, '],}')],
  ['a comma too few', JSON.stringify(whole).replace(',"session"', ' "session"')],
  ['something behind it', `${JSON.stringify(whole)} {}`],
  ['a word that is none', JSON.stringify(whole).replace('"version":1', '"version":one')],
  ['brackets that do not match', JSON.stringify(whole).replace('"title":null', '"title":[}')],
  ['a nest', JSON.stringify(whole).replace('"title":null', `"config":${'['.repeat(1e5)}${']'.repeat(1e5)}`)],
])('%s is refused as no JSON, whole and byte by byte', async (_what, text) => {
  const pieces = text.length < 2_000 ? [...Buffer.from(text)].map(byte => Uint8Array.of(byte)) : [Buffer.from(text)]
  for (const body of [text, streamed(pieces)]) {
    const response = await upload(body)
    expect([response.status, (await response.json()).code]).toEqual([400, 'INVALID_MESSAGE'])
  }
})

test('a file that comes byte by byte is read as the same file', async () => {
  const text = JSON.stringify({ ...whole, session: { ...session, id: 'bytes', title: 'ü😀"\\' } }, null, 1)
  const bytes = [...Buffer.from(text)].map(byte => Uint8Array.of(byte))
  const response = await upload(streamed(bytes))
  expect(await response.json()).toEqual({ sessionId: 'bytes', messages: 1, renamed: false })
  expect((await exported('bytes')).session).toMatchObject({ title: 'ü😀"\\' })
})

test('a body that says that it is too large is refused with its bound, without being read', async () => {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const { request } = await import('node:http')
  const asking = request(`${gateway.url}${base}/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await gateway.token('chat')}`, 'content-length': String(2 ** 31) },
  })
  asking.on('response', async response => {
    let text = ''
    for await (const chunk of response) text += chunk
    resolve(`${response.statusCode} ${text}`)
    asking.destroy()
  })
  asking.on('error', reject)
  asking.flushHeaders()
  expect(await promise).toMatch(/^413 .*"TOO_LARGE".*1073741824 bytes/)
})

test('an upload that breaks off leaves nothing', async () => {
  const entries = Array.from({ length: 5_000 }, (_, index) => ({
    ...message,
    id: `cut-${index}`,
    content: 'x'.repeat(500),
  }))
  const text = JSON.stringify({ ...withMessages(...entries), session: { ...session, id: 'cut' } })
  const abort = new AbortController()
  async function* half() {
    yield Buffer.from(text.slice(0, text.length / 2))
    await expect.poll(() => rows(`SELECT 1 FROM messages WHERE session_id = 'cut' LIMIT 1`), patient).toHaveLength(1)
    abort.abort()
  }
  const body = streamed(half())
  const sent = gateway.fetch(`${base}/import`, {
    method: 'POST',
    body,
    duplex: 'half',
    signal: abort.signal,
  } as RequestInit)
  await expect(sent).rejects.toThrow()
  await expect.poll(() => rows(`SELECT 1 FROM messages WHERE session_id = 'cut' LIMIT 1`), patient).toEqual([])
  await expect.poll(() => rows(`SELECT 1 FROM sessions WHERE id = 'cut'`), patient).toEqual([])
})

test('an export needs the scope read, an import chat, and neither works for a session that is gone', async () => {
  const id = await newSession(gateway)
  const [chat, read] = [await gateway.token('chat'), await gateway.token('read')]
  expect((await gateway.fetch(`${base}/${id}/export`, { token: chat })).status).toBe(403)
  expect((await gateway.fetch(`${base}/${id}/export`, { token: '' })).status).toBe(401)
  expect((await gateway.fetch(`${base}/${id}/export`, { token: read })).status).toBe(200)
  expect((await upload(JSON.stringify(whole), { token: read })).status).toBe(403)
  expect((await upload(JSON.stringify(whole), { token: chat })).status).toBe(201)
  for (const query of ['?format=xml', '?format=']) {
    expect((await rest(gateway, 'GET', `${base}/${id}/export${query}`)).body).toMatchObject({ code: 'INVALID_MESSAGE' })
  }
  for (const query of ['?epoch=2', '?epoch=0', '?epoch=1.5', '?epoch=x']) {
    expect((await rest(gateway, 'GET', `${base}/${id}/export${query}`)).body).toMatchObject({ code: 'NOT_FOUND' })
  }
  expect((await gateway.fetch(`${base}/${id}/export`, { method: 'HEAD' })).status).toBe(200)
  await rest(gateway, 'DELETE', `${base}/${id}`)
  expect((await rest(gateway, 'GET', `${base}/${id}/export`)).body).toMatchObject({ code: 'SESSION_NOT_FOUND' })
})

test('a session that is deleted in the middle of its export ends the answer there, not as if it were whole', async () => {
  const entries = Array.from({ length: 6_000 }, (_, index) => ({
    ...message,
    id: `gone-${index}`,
    content: 'x'.repeat(6_000),
  }))
  await imported({ ...withMessages(...entries), session: { ...session, id: 'gone' } })
  const response = await gateway.fetch(`${base}/gone/export`)
  const reader = response.body?.getReader()
  await reader?.read()
  await rest(gateway, 'DELETE', `${base}/gone`)
  const rest_ = async () => {
    for (let part = await reader?.read(); !part?.done; part = await reader?.read());
  }
  await expect(rest_()).rejects.toThrow()
  expect(errorLines(gateway.logs)).toEqual([])
})

/** A body in these chunks. */
function streamed(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): BodyInit {
  // The same thing by two names of its type.
  return Readable.toWeb(Readable.from(chunks)) as BodyInit
}

function rows(sql: string): unknown[] {
  return queryRows(gateway, sql)
}
