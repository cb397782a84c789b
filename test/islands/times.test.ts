import { expect, test } from 'vitest'
import { duration, exactTime, relativeTime, timeUntil } from '../../src/islands/times.ts'

const now = Date.UTC(2026, 10, 23, 12, 0, 0)
const minuteMs = 60_000

test.each([
  [-5_000, 'just now'],
  [10_000, 'just now'],
  [50_000, '1 min ago'],
  [59 * minuteMs, '59 min ago'],
  [3 * 60 * minuteMs, '3 h ago'],
  [30 * 60 * minuteMs, 'yesterday'],
  [5 * 24 * 60 * minuteMs, '5 days ago'],
  [40 * 24 * 60 * minuteMs, '2026-10-14'],
])('%i ms ago is "%s"', (ago, words) => {
  expect(relativeTime(now - ago, now)).toBe(words)
})

test.each([
  [-5_000, 'due now'],
  [20_000, 'within a minute'],
  [59 * minuteMs, 'in 59 min'],
  [3 * 60 * minuteMs, 'in 3 h'],
  [30 * 60 * minuteMs, 'in a day'],
  [5 * 24 * 60 * minuteMs, 'in 5 days'],
  [40 * 24 * 60 * minuteMs, 'on 2027-01-02'],
])('what comes in %i ms comes "%s"', (left, words) => {
  expect(timeUntil(now + left, now)).toBe(words)
})

test.each([
  [12, '12 ms'],
  [1_500, '1.5 s'],
  [42_000, '42 s'],
  [5 * minuteMs, '5 min'],
  [192 * minuteMs, '3 h 12 min'],
  [50 * 60 * minuteMs, '2 d 2 h'],
])('%i ms last "%s"', (ms, words) => {
  expect(duration(ms)).toBe(words)
})

test('the exact time names its zone', () => {
  expect(exactTime(now)).toBe('2026-11-23 12:00:00 UTC')
})
