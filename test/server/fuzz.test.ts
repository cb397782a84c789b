import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { errorLines, frameText, type RawSocket, rawSocket } from '../support/raw-socket.ts'
import { sampleRequests } from '../support/sample-requests.ts'

const connections = 4
const framesPerRun = 250
const runs = 400
// Below the twenty bad frames in a row that end a connection.
const framesBetweenGood = 15

const types = [...Object.keys(sampleRequests), 'hello', 'welcome', '__proto__', 'toString', '']
const samples = Object.entries(sampleRequests)

/** Values that parsers stumble over. */
const hostile = fc.constantFrom<unknown>(
  null,
  -1,
  1.5,
  1e308,
  -0,
  '',
  '\u0000',
  '\ud800',
  '\u202e',
  '__proto__',
  'x'.repeat(2_000),
  [],
  {},
  [[[[]]]],
  true,
  { length: -1 },
  { toString: 1 },
)
const anyValue = fc.oneof(hostile, fc.jsonValue({ maxDepth: 3 }), fc.string({ unit: 'binary', maxLength: 40 }))

/** A request that would be served, but for one field. */
const mutated = fc
  .tuple(
    fc.nat(),
    fc.nat(),
    anyValue,
    fc.constantFrom('payload', 'envelope', 'key'),
    fc.constantFrom('no-such-session', 'x'),
  )
  .map(([request, at, value, where, sessionId]) => {
    const [type, sample] = samples[request % samples.length] ?? samples[0] ?? ['ping', { payload: () => ({}) }]
    const payload: Record<string, unknown> = sample.payload(sessionId)
    const fields =
      where === 'envelope' ? ['id', 'type', 'version', 'timestamp', 'payload', 'replyTo', 'seq'] : Object.keys(payload)
    const field = fields[at % Math.max(1, fields.length)] ?? 'extra'
    if (where === 'envelope') return frameText(type, payload, { [field]: value })
    if (where === 'payload') return frameText(type, { ...payload, [field]: value })
    return frameText(type, { ...payload, [typeof value === 'string' ? value : 'extra']: at })
  })

const whole = fc
  .record({
    id: anyValue,
    type: fc.constantFrom(...types),
    version: fc.constantFrom('1.0.0', '1.1.0', '2.0.0', 'x', undefined),
    payload: anyValue,
  })
  .map(frame => JSON.stringify(frame))

/** A frame with some of its text cut out, doubled or replaced. */
const garbled = fc.tuple(mutated, fc.nat(), fc.nat(20), fc.string({ maxLength: 5 })).map(([text, at, length, put]) => {
  const from = at % text.length
  return text.slice(0, from) + put + text.slice(from + length)
})

const frame = fc.oneof(
  { weight: 4, arbitrary: mutated },
  { weight: 2, arbitrary: garbled },
  { weight: 2, arbitrary: whole },
  { weight: 1, arbitrary: fc.json({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 100 }) },
  { weight: 1, arbitrary: fc.nat(200).map(depth => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`) },
)

/** Sends the frames with good requests between them, on a new connection when one was closed for what it said. */
async function sendAll(
  gateway: TestGateway,
  sockets: Map<number, RawSocket>,
  at: number,
  frames: string[],
): Promise<void> {
  for (let from = 0; from < frames.length; from += framesBetweenGood) {
    let socket = sockets.get(at)
    if (!socket || socket.ws.readyState !== socket.ws.OPEN) {
      socket = await rawSocket(gateway.port, { token: testToken })
      sockets.set(at, socket)
    }
    for (const text of frames.slice(from, from + framesBetweenGood)) socket.ws.send(text)
    // A hello that asks for another version, say, ends the connection, as it should.
    const good = await Promise.race([
      socket.ask('ping').then(
        reply => reply.type,
        () => 'closed',
      ),
      socket.closed.then(() => 'closed'),
    ])
    expect(good).toBeOneOf(['pong', 'closed'])
    socket.frames.length = 0
  }
}

test(`${runs * framesPerRun} hostile frames do no harm`, async () => {
  await using gateway = await testGateway()
  const sockets = new Map<number, RawSocket>()
  let run = 0
  let sent = 0
  const property = fc.asyncProperty(
    fc.array(frame, { minLength: framesPerRun, maxLength: framesPerRun }),
    async frames => {
      run += 1
      sent += frames.length
      await sendAll(gateway, sockets, run % connections, frames)
      expect(errorLines(gateway.logs)).toEqual([])
    },
  )
  await fc.assert(property, { numRuns: runs, endOnFailure: true })
  expect(sent).toBeGreaterThanOrEqual(100_000)
  for (const socket of sockets.values()) socket[Symbol.dispose]()
  using socket = await rawSocket(gateway.port, { token: testToken })
  expect((await socket.ask('session.create', { senderId: 'ada', channel: 'test' })).type).toBe('session.created')
  expect((await gateway.fetch('/readyz', { token: '' })).status).toBe(200)
  expect(errorLines(gateway.logs)).toEqual([])
}, 120_000)
