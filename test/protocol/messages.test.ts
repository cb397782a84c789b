import { expect, test } from 'vitest'
import { events, isRequestType, requests } from '../../src/protocol/messages.ts'
import { handledTypes } from '../../src/server/dispatch.ts'
import { sampleRequests } from '../support/sample-requests.ts'

test('every request but hello has a handler, and no handler is without a request', () => {
  const asked = Object.keys(requests).filter(type => type !== 'hello')
  expect(handledTypes().toSorted()).toEqual(asked.toSorted())
})

test('every request has a sample that its schema takes', () => {
  for (const [type, sample] of Object.entries(sampleRequests)) {
    if (!isRequestType(type)) throw new Error(`${type} is no request.`)
    expect([type, requests[type].payload.safeParse(sample.payload('session')).success]).toEqual([type, true])
  }
})

test('names of the prototype are no requests', () => {
  for (const type of ['toString', '__proto__', 'constructor', 'hasOwnProperty', ''])
    expect(isRequestType(type)).toBe(false)
})

test('an entry of the log is no reply, so that what carries seq is never an answer', () => {
  const replies = new Set<string>(Object.values(requests).map(request => request.reply))
  for (const [type, event] of Object.entries(events)) if (event.logged) expect(replies.has(type)).toBe(false)
})

test('only hello and ping need no scope, and what changes something needs one', () => {
  const open = Object.entries(requests).filter(([, request]) => request.scope === null)
  expect(open.map(([type]) => type)).toEqual(['hello', 'ping'])
  for (const request of Object.values(requests)) if (request.changes) expect(request.scope).not.toBe('read')
})
