import { expect, test } from 'vitest'
import { closeCodes, errorCodes, errorPayload, TalonError } from '../../src/protocol/errors.ts'
import { events } from '../../src/protocol/messages.ts'

test('an error that a client is meant to see is shown as it is, without its cause', () => {
  const error = new TalonError('RATE_LIMITED', 'Slower, please.', { retryAfterMs: 50, cause: new Error('canary') })
  const payload = errorPayload(error)
  expect(payload).toEqual({
    code: 'RATE_LIMITED',
    status: 429,
    error: 'Slower, please.',
    retryable: true,
    retryAfterMs: 50,
  })
  expect(JSON.stringify(payload)).not.toContain('canary')
})

test.each([new Error('canary'), 'canary', { code: 'FORBIDDEN', message: 'canary' }, null, undefined, 7])(
  'anything else that is thrown (%j) is INTERNAL, without a word of it',
  thrown => {
    expect(errorPayload(thrown)).toEqual({ code: 'INTERNAL', status: 500, error: 'Internal error.', retryable: false })
  },
)

test('every code is an HTTP error and fits the event that carries it', () => {
  for (const [code, { status, retryable }] of Object.entries(errorCodes)) {
    expect(status).toBeGreaterThanOrEqual(400)
    expect(events.error.payload.safeParse({ code, status, retryable, error: 'A sentence.' }).success).toBe(true)
  }
})

test('close codes are distinct, and ours lie in the range for applications', () => {
  const codes = Object.values(closeCodes)
  expect(new Set(codes).size).toBe(codes.length)
  for (const code of codes) expect((code >= 1000 && code < 1016) || (code >= 4000 && code < 5000)).toBe(true)
})
