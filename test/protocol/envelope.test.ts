import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseBody, parseFrame, writeFrame } from '../../src/protocol/envelope.ts'
import { TalonError } from '../../src/protocol/errors.ts'

/** What a frame is refused with; undefined if it is not. */
function refusal(text: string, parse: (text: string) => unknown = parseFrame): TalonError | undefined {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof TalonError) return error
    throw error
  }
  return undefined
}

test('a whole frame is read as it stands, and unknown fields are left out', () => {
  const frame = { id: 'x', type: 'ping', version: '1.0.0', timestamp: 5, payload: { a: [1, { b: null }] } }
  expect(parseFrame(JSON.stringify({ ...frame, seq: 9, scopes: ['admin'] }))).toEqual(frame)
})

test('version, timestamp and payload may be left out', () => {
  expect(parseFrame('{"id":"x","type":"ping"}')).toEqual({
    id: 'x',
    type: 'ping',
    version: undefined,
    timestamp: undefined,
    payload: {},
  })
})

test('an id of 128 characters fits, and a refusal carries the id where it could be read', () => {
  const id = 'x'.repeat(128)
  expect(parseFrame(JSON.stringify({ id, type: 'ping' })).id).toBe(id)
  expect(refusal(JSON.stringify({ id, type: 7 }))?.extras.details).toEqual({ id })
  expect(refusal(JSON.stringify({ id: `${id}x`, type: 'ping' }))?.extras.details).toBeUndefined()
})

test.each(['__proto__', 'constructor'])('the key "%s" is refused at any depth and however it is escaped', key => {
  const escaped = [...key].map(letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
  for (const written of [key, escaped, `\\u00${key.charCodeAt(0).toString(16)}${key.slice(1)}`]) {
    for (const payload of [`{"${written}":1}`, `{"a":{"${written}":{}}}`, `{"a":[[{"${written}":[]}]]}`]) {
      expect(refusal(`{"id":"x","type":"ping","payload":${payload}}`)?.code).toBe('INVALID_MESSAGE')
      expect(refusal(payload, parseBody)?.code).toBe('INVALID_MESSAGE')
    }
  }
  expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false)
})

test.each(['__proto__', 'constructor', '{{{{"'])('%s may be said in a text', text => {
  expect(parseFrame(JSON.stringify({ id: 'x', type: 'ping', payload: { text } })).payload).toEqual({ text })
})

test('32 levels are served and 33 refused, in objects as in arrays', () => {
  // The frame and its payload are two levels.
  const nested = (open: string, close: string, levels: number) =>
    `{"id":"x","type":"ping","payload":{"a":${open.repeat(levels - 2)}${close.repeat(levels - 2)}}}`
  expect(refusal(nested('[', ']', 32))).toBeUndefined()
  expect(refusal(nested('[', ']', 33))?.message).toContain('deeper than 32')
  expect(refusal(nested('{"a":[', ']}', 40))?.message).toContain('deeper than 32')
})

test('whatever is said, it is read or refused with a sentence for a person', () => {
  const text = fc.oneof(
    fc.json(),
    fc.string({ unit: 'binary' }),
    fc.jsonValue().map(payload => JSON.stringify({ id: 'x', type: 'y', payload })),
  )
  fc.assert(
    fc.property(text, said => {
      const error = refusal(said)
      if (error)
        expect([error.code, error.message]).toEqual([
          'INVALID_MESSAGE',
          expect.stringMatching(/^Invalid message format: .+\.$/),
        ])
    }),
    { numRuns: 5_000 },
  )
})

test('what is written can be read, whatever the ids are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.jsonValue(), (id, replyTo, value) => {
      const text = writeFrame({ id, type: 'pong', replyTo, timestamp: 5, epoch: 1, seq: 2 }, JSON.stringify({ value }))
      // JSON has no lone surrogates of its own, and no -0.
      const expected = JSON.parse(
        JSON.stringify({
          id,
          type: 'pong',
          version: '1.0.0',
          timestamp: 5,
          replyTo,
          epoch: 1,
          seq: 2,
          payload: { value },
        }),
      )
      expect(JSON.parse(text)).toEqual(expected)
    }),
  )
})
