import { expect, test } from 'vitest'
import { createTail, type Entry, maxRows, type Row } from '../../src/islands/logs/tail.ts'

const row = (seq: number): Row => ({
  key: `boot/${seq}`,
  entry: { seq, time: '2026-11-23T06:00:00.000Z', level: 'info', msg: `line ${seq}` } as Entry,
})

/** A tail whose frames come when the test says so. */
function framed(first: Row[] = []) {
  const asked: (() => void)[] = []
  const tail = createTail(first, then => void asked.push(then))
  const frame = () => {
    for (const then of asked.splice(0)) then()
  }
  return { tail, frame, asked, seqs: () => tail.rows.value.map(({ entry }) => entry.seq) }
}

const pushed = (from: number, to: number, push: (row: Row) => void) => {
  for (let seq = from; seq <= to; seq++) push(row(seq))
}

test('shows what came since the last frame together', () => {
  const { tail, frame, asked, seqs } = framed([row(1)])
  pushed(2, 4, tail.push)
  expect([seqs(), asked.length]).toEqual([[1], 1])
  frame()
  expect(seqs()).toEqual([1, 2, 3, 4])
})

test('keeps the newest 500 and counts the others, at any rate and while nobody looks', () => {
  const { tail, frame, seqs } = framed()
  pushed(1, 20_000, tail.push)
  expect(seqs()).toEqual([])
  frame()
  expect([seqs().length, seqs().at(-1), tail.gone.value]).toEqual([maxRows, 20_000, 20_000 - maxRows])
  pushed(20_001, 20_003, tail.push)
  frame()
  expect([seqs().length, seqs()[0], tail.gone.value]).toEqual([maxRows, 20_003 - maxRows + 1, 20_003 - maxRows])
})

test('leaves what is shown where it is while it is paused, and then goes on', () => {
  const { tail, frame, seqs } = framed([row(1)])
  tail.pause()
  pushed(2, 3, tail.push)
  frame()
  expect([seqs(), tail.waiting.value]).toEqual([[1], 2])
  pushed(4, 3_000, tail.push)
  frame()
  expect([seqs(), tail.waiting.value]).toEqual([[1], 2_999])
  tail.resume()
  expect([seqs().length, seqs().at(-1), tail.waiting.value]).toEqual([maxRows, 3_000, 0])
  expect(tail.gone.value).toBe(2_500)
})
