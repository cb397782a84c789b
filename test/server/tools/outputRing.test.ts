import { expect, test } from 'vitest'
import { createOutputRing } from '../../../src/server/tools/outputRing.ts'

test('output is read from any place on', () => {
  const ring = createOutputRing(1_024)
  ring.add('stdout', Buffer.from('one '))
  ring.add('stderr', Buffer.from('two '))
  ring.add('stdout', Buffer.from('three'))
  expect(ring.from(0)).toEqual({ text: 'one two three', next: 13, lostChars: 0 })
  expect(ring.from(6)).toEqual({ text: 'o three', next: 13, lostChars: 0 })
  expect(ring.from(13)).toEqual({ text: '', next: 13, lostChars: 0 })
  expect(ring.from(99)).toEqual({ text: '', next: 13, lostChars: 0 })
})

test('what is too old is gone, and that is told', () => {
  const ring = createOutputRing(100)
  for (let count = 0; count < 50; count++) ring.add('stdout', Buffer.from(`${String(count).padStart(9, '0')}\n`))
  const { text, next, lostChars } = ring.from(20)
  expect(next).toBe(500)
  expect(text).toHaveLength(100)
  expect(text.endsWith('000000049\n')).toBe(true)
  expect(lostChars).toBe(380)
})

test('a character that comes in two pieces is one, for each stream', () => {
  const ring = createOutputRing(100)
  const [first, second] = [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)]
  ring.add('stdout', first)
  ring.add('stderr', Buffer.from('x'))
  ring.add('stdout', second)
  expect(ring.from(0).text).toBe('xé')
})
