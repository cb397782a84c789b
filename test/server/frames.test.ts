import { afterAll, beforeAll, expect, test } from 'vitest'
import { isRequestType, requests } from '../../src/protocol/messages.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { clientFrame, errorLines, frameText, handSocket, opcodes, rawSocket } from '../support/raw-socket.ts'
import { sampleRequests } from '../support/sample-requests.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await testGateway()
})
afterAll(() => gateway[Symbol.asyncDispose]())

const authorized = { Authorization: `Bearer ${testToken}` }

/** Frames whose id cannot be read. */
const unreadable: [string, string][] = [
  ['an empty frame', ''],
  ['no JSON', 'hello'],
  ['half of a frame', '{"id":"x","type":"ping"'],
  ['two frames in one', '{"id":"x","type":"ping"}{"id":"y","type":"ping"}'],
  ['an array', '[]'],
  ['null', 'null'],
  ['a number', '1e308'],
  ['a string', '"ping"'],
  ['a boolean', 'true'],
  ['no id', '{"type":"ping","version":"1.0.0","payload":{}}'],
  ['an empty id', frameText('ping', {}, { id: '' })],
  ['an id of 129 characters', frameText('ping', {}, { id: 'x'.repeat(129) })],
  ['an id that is a number', frameText('ping', {}, { id: 7 })],
  ['an id that is an object', frameText('ping', {}, { id: {} })],
  ['deep nesting without an id', '['.repeat(10_000) + ']'.repeat(10_000)],
]
/** Frames whose id is "known". */
const readable: [string, string][] = [
  ['no type', '{"id":"known","version":"1.0.0","payload":{}}'],
  ['a type that is a number', frameText('ping', {}, { id: 'known', type: 1 })],
  ['an empty type', frameText('', {}, { id: 'known' })],
  ['a very long type', frameText('x'.repeat(101), {}, { id: 'known' })],
  ['an unknown type', frameText('session.explode', {}, { id: 'known' })],
  ['a type of the prototype', frameText('toString', {}, { id: 'known' })],
  ['the type "__proto__"', frameText('__proto__', {}, { id: 'known' })],
  ['a version that is a number', frameText('ping', {}, { id: 'known', version: 1 })],
  ['a version that is null', frameText('ping', {}, { id: 'known', version: null })],
  ['a timestamp that is a string', frameText('ping', {}, { id: 'known', timestamp: 'now' })],
  ['a payload that is null', frameText('ping', null, { id: 'known' })],
  ['a payload that is an array', frameText('ping', [], { id: 'known' })],
  ['a payload that is a string', frameText('ping', 'x', { id: 'known' })],
  [
    'deep nesting',
    `{"id":"known","type":"ping","version":"1.0.0","payload":{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}}`,
  ],
  ['the key __proto__', '{"id":"known","type":"ping","version":"1.0.0","payload":{"__proto__":{"admin":true}}}'],
  [
    'the key __proto__, escaped',
    '{"id":"known","type":"ping","version":"1.0.0","payload":{"\\u005f_proto__":{"admin":true}}}',
  ],
  ['the key constructor', '{"id":"known","type":"ping","version":"1.0.0","payload":{"a":[{"constructor":{}}]}}'],
  ['the key constructor, escaped', '{"id":"known","type":"ping","version":"1.0.0","payload":{"c\\u006fnstructor":{}}}'],
  [
    'the key __proto__ beside the payload',
    '{"id":"known","type":"ping","version":"1.0.0","__proto__":{"scopes":["admin"]}}',
  ],
]

test.each(unreadable)('%s is refused without replyTo, and the connection lives on', async (_what, text) => {
  using socket = await rawSocket(gateway.port, { token: testToken })
  socket.ws.send(text)
  const error = await socket.until(frame => frame.type === 'error')
  expect(error).toMatchObject({ payload: { code: 'INVALID_MESSAGE', status: 400, retryable: false } })
  expect(error.replyTo).toBeUndefined()
  expect((await socket.ask('ping')).type).toBe('pong')
})

test.each(readable)('%s is refused with replyTo, and the connection lives on', async (_what, text) => {
  using socket = await rawSocket(gateway.port, { token: testToken })
  socket.ws.send(text)
  const error = await socket.until(frame => frame.replyTo === 'known')
  expect(error).toMatchObject({ type: 'error', payload: { code: 'INVALID_MESSAGE', status: 400 } })
  expect((await socket.ask('ping')).type).toBe('pong')
  expect(errorLines(gateway.logs)).toEqual([])
})

test('lone surrogates are text like any other, and come back as JSON can carry them', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const title = '\ud800 and \udfff'
  const created = await socket.ask('session.create', { senderId: 'ada', channel: 'test', title })
  expect(created.type).toBe('session.created')
  const { sessionId } = created.payload
  const accepted = await socket.ask('session.send_message', { sessionId, text: `lone ${title}` })
  expect(accepted.type).toBe('session.accepted')
  await socket.until(frame => frame.type === 'session.message.final')
  expect((await socket.ask('session.history', { sessionId })).payload['messages']).toHaveLength(2)
})

test('a payload of the wrong shape is refused for every request', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const wrong = [null, 1.5, -1, '', [], {}, [null], { a: 1 }, true, 'x'.repeat(600)]
  let refused = 0
  for (const [type, sample] of Object.entries(sampleRequests)) {
    if (!isRequestType(type)) throw new Error(`${type} is no request.`)
    for (const key of Object.keys(sample.payload('none-such'))) {
      for (const value of wrong) {
        const payload = { ...sample.payload('none-such'), [key]: value }
        if (requests[type].payload.safeParse(payload).success) continue
        const error = await socket.ask(type, payload)
        expect([type, key, value, error.payload['code']]).toEqual([type, key, value, 'INVALID_MESSAGE'])
        if (++refused % 10 === 0) await socket.ask('ping')
      }
    }
  }
  expect(refused).toBeGreaterThan(100)
  const { sessions } = await gateway.app.store.counts()
  expect(sessions).toBe(0)
})

test('twenty bad frames in a row end the connection; a good one between them begins anew', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  for (let round = 0; round < 3; round++) {
    for (let bad = 0; bad < 19; bad++) socket.ws.send('bad')
    expect((await socket.ask('ping')).type).toBe('pong')
  }
  for (let bad = 0; bad < 20; bad++) socket.ws.send('bad')
  expect(await socket.closed).toMatchObject({ code: 4002 })
  expect(socket.frames.filter(frame => frame.type === 'error')).toHaveLength(3 * 19 + 20)
})

test('a stranger is cut at twenty bad frames too', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port)
  for (let bad = 0; bad < 20; bad++) socket.ws.send('{}')
  expect(await socket.closed).toMatchObject({ code: 4002 })
})

test('a stranger may send 64 KiB in a frame and not a byte more', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port)
  const fits = frameText('ping', { filler: '' })
  socket.ws.send(frameText('ping', { filler: 'x'.repeat(64 * 1024 - fits.length - 10) }))
  expect(await socket.until(frame => frame.replyTo !== undefined)).toMatchObject({
    payload: { code: 'UNAUTHENTICATED' },
  })
  socket.ws.send('x'.repeat(64 * 1024 + 1))
  expect(await socket.closed).toMatchObject({ code: 1009 })
})

test.each([
  ['by hello', { token: testToken }],
  ['by header', { headers: authorized }],
])('who is signed in %s may send 1 MiB in a frame and not a byte more', async (_how, options) => {
  using socket = await rawSocket(gateway.port, options)
  const filler = 'x'.repeat(1024 * 1024 - 200)
  expect((await socket.ask('ping', { filler })).type).toBe('pong')
  socket.ws.send('x'.repeat(1024 * 1024 + 1))
  expect(await socket.closed).toMatchObject({ code: 1009 })
})

test('a binary frame ends the connection with 1003', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  socket.ws.send(Buffer.from(frameText('ping')))
  expect(await socket.closed).toMatchObject({ code: 1003 })
})

test('a frame that announces 100 MiB is refused before it comes', async () => {
  await using gateway = await testGateway()
  using stranger = await handSocket(gateway.port)
  await stranger.write(clientFrame(opcodes.text, 'x', { announced: 100 * 1024 * 1024 }))
  expect(await stranger.closeCode).toBe(1009)
  using owner = await handSocket(gateway.port, authorized)
  await owner.write(clientFrame(opcodes.text, 'x', { announced: 100 * 1024 * 1024 }))
  expect(await owner.closeCode).toBe(1009)
})

test('a message in a million tiny fragments is cut, and memory stays', async () => {
  await using gateway = await testGateway()
  using attacker = await handSocket(gateway.port, authorized)
  const before = process.memoryUsage().rss
  await attacker.write(clientFrame(opcodes.text, '{', { fin: false }))
  const fragments = Buffer.concat(
    Array.from({ length: 10_000 }, () => clientFrame(opcodes.continuation, ' ', { fin: false })),
  )
  for (let round = 0; round < 100; round++) await attacker.write(fragments)
  expect(await attacker.closeCode).toBeOneOf([1008, 1009, 1006])
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  using socket = await rawSocket(gateway.port, { token: testToken })
  expect((await socket.ask('ping')).type).toBe('pong')
})

test.each([
  ['text that is no UTF-8', clientFrame(opcodes.text, Buffer.from([0xff, 0xfe])), 1007],
  ['a reserved opcode', clientFrame(3, 'x'), 1002],
  ['a continuation of nothing', clientFrame(opcodes.continuation, 'x'), 1002],
  ['a ping of 126 bytes', clientFrame(opcodes.ping, Buffer.alloc(126)), 1002],
  ['an unmasked frame', Buffer.from([0x81, 1, 0x78]), 1002],
  ['reserved bits', Buffer.from([0xf1, 0x80, 0, 0, 0, 0]), 1002],
])('%s ends the connection', async (_what, bytes, code) => {
  using socket = await handSocket(gateway.port, authorized)
  await socket.write(bytes)
  expect(await socket.closeCode).toBe(code)
  expect(errorLines(gateway.logs)).toEqual([])
})

test('a flood of pings is answered, or its sender cut, and others do not wait', async () => {
  await using gateway = await testGateway()
  using other = await rawSocket(gateway.port, { token: testToken })
  using attacker = await handSocket(gateway.port, authorized)
  const pings = Buffer.concat(Array.from({ length: 1_000 }, () => clientFrame(opcodes.ping, Buffer.alloc(100))))
  let slowestMs = 0
  const flood = (async () => {
    for (let round = 0; round < 100; round++) await attacker.write(pings)
  })()
  for (let round = 0; round < 20; round++) {
    const started = performance.now()
    await other.ask('ping')
    slowestMs = Math.max(slowestMs, performance.now() - started)
  }
  await flood
  expect(slowestMs).toBeLessThan(2_000)
})
