import { expect, test } from 'vitest'
import { type HistoryPage, highest, newest, pathOf, spansOf } from '../../src/islands/dashboard/charts.ts'
import { bytes, clockTime, dollars, milliseconds, perSecond } from '../../src/islands/dashboard/words.ts'

test('a line has a gap where there are no points, and a dot where one stands alone', () => {
  expect(pathOf([null, 1, 2, null, 0, null], 2, 100)).toBe('M1 50h0L2 0M4 100h0')
  expect(pathOf([], 1, 100)).toBe('')
})

test('the newest and the highest leave out what there is not', () => {
  expect([newest([1, 3, null]), highest([1, null, 3]), newest([null]), highest([])]).toEqual([3, 3, null, null])
})

test('a table has the highest value of each span', () => {
  const points = [1, 2, null, 4, null, null]
  const page = { range: '5m', from: 1_000, stepMs: 10, series: { messagesPerSecond: points } } as unknown as HistoryPage
  expect(spansOf(page, 3)).toEqual([
    { at: 1_000, values: { messagesPerSecond: 2 } },
    { at: 1_020, values: { messagesPerSecond: 4 } },
    { at: 1_040, values: { messagesPerSecond: null } },
  ])
})

test('amounts have as many digits as tell something', () => {
  expect([0, 0.0123, 1.26, 12, 1_234.5].map(perSecond)).toEqual(['0/s', '0.012/s', '1.3/s', '12/s', '1,235/s'])
  expect([0.5, 999, 2_500].map(milliseconds)).toEqual(['0.5 ms', '999 ms', '2.5 s'])
  expect([52_428_800, 3_221_225_472].map(bytes)).toEqual(['50 MiB', '3 GiB'])
  expect([0, 0.00012, 0.4, 12.345].map(dollars)).toEqual(['$0', '$0.00012', '$0.40', '$12.35'])
  expect(clockTime(Date.UTC(2026, 10, 23, 4, 5, 6), { seconds: true, local: false })).toBe('04:05:06')
})
