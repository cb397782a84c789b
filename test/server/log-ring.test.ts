import { describe, expect, test } from 'vitest'
import { type LogQuery, readLines } from '../../src/server/log/lines.ts'
import { createRing, maxChars, maxLines, type Ring } from '../../src/server/log/ring.ts'

const line = (level: number, msg: string) => JSON.stringify({ level, time: '2026-11-23T06:00:00.000Z', msg })

function filled(count: number, bounds?: { lines: number; chars: number }): Ring {
  const ring = createRing(bounds)
  for (let number = 1; number <= count; number++) ring.push(number % 2 === 0 ? 40 : 20, line(20, `line ${number}`))
  return ring
}

const seqs = (ring: Ring, query: Partial<LogQuery>) =>
  readLines(ring, { limit: 10, ...query }).entries.map(entry => JSON.parse(entry).seq)

describe('the ring', () => {
  test('keeps 2,000 lines', () => {
    const ring = filled(maxLines + 5)
    expect([ring.oldest(), ring.newest()]).toEqual([6, maxLines + 5])
    expect(ring.at(5)).toBeUndefined()
    expect(ring.at(6)?.text).toContain('line 6')
    expect(ring.at(maxLines + 6)).toBeUndefined()
  })

  test('keeps 4 MiB, and one line that is longer', () => {
    const ring = createRing()
    for (let number = 0; number < 9; number++) ring.push(30, 'x'.repeat(maxChars / 4))
    expect(ring.newest() - ring.oldest() + 1).toBe(4)
    ring.push(30, 'x'.repeat(2 * maxChars))
    expect([ring.oldest(), ring.newest()]).toEqual([10, 10])
    ring.push(30, 'x')
    expect([ring.oldest(), ring.newest()]).toEqual([11, 11])
  })

  test('is empty before the first line', () => {
    const ring = createRing()
    expect([ring.oldest(), ring.newest(), ring.at(0), ring.at(1)]).toEqual([1, 0, undefined, undefined])
    expect(readLines(ring, { limit: 10 })).toEqual({ entries: [], after: 0, dropped: 0 })
  })

  test('tells of each line until it is told not to', () => {
    const ring = createRing()
    let heard = 0
    const stop = ring.onLine(() => {
      heard += 1
    })
    ring.push(30, line(30, 'a'))
    ring.push(30, line(30, 'b'))
    stop()
    ring.push(30, line(30, 'c'))
    expect(heard).toBe(2)
  })
})

describe('a page of lines', () => {
  test('is the newest ones, in their order', () => {
    expect(seqs(filled(100), { limit: 3 })).toEqual([98, 99, 100])
    expect(seqs(filled(100), { limit: 3, level: 'warn' })).toEqual([96, 98, 100])
  })

  test('goes on where the last one ended, until nothing is left', () => {
    const ring = filled(25)
    const read: number[] = []
    for (let after = 0; ; ) {
      const page = readLines(ring, { after, limit: 10 })
      if (page.entries.length === 0) break
      read.push(...page.entries.map(entry => JSON.parse(entry).seq))
      after = page.after
    }
    expect(read).toEqual(Array.from({ length: 25 }, (_, index) => index + 1))
  })

  test('says how many of those that were asked for are gone', () => {
    const ring = filled(30, { lines: 10, chars: 10_000 })
    expect(readLines(ring, { after: 5, limit: 2 })).toMatchObject({ after: 22, dropped: 15 })
    expect(readLines(ring, { after: 20, limit: 2 })).toMatchObject({ after: 22, dropped: 0 })
    expect(readLines(ring, { after: 30, limit: 2 })).toEqual({ entries: [], after: 30, dropped: 0 })
  })

  test('begins anew for who has seen more lines than there are: they were of another start', () => {
    expect(seqs(filled(3), { after: 500 })).toEqual([1, 2, 3])
  })

  test('can be searched in any case, also for what JSON escapes', () => {
    const ring = createRing()
    for (const msg of ['Disk FULL', 'say "hi"', 'C:\\temp', 'über\nall']) ring.push(30, line(30, msg))
    expect(seqs(ring, { text: 'disk full' })).toEqual([1])
    expect(seqs(ring, { text: 'SAY "HI"' })).toEqual([2])
    expect(seqs(ring, { text: 'c:\\TEMP' })).toEqual([3])
    expect(seqs(ring, { text: 'ÜBER\nALL' })).toEqual([4])
    expect(seqs(ring, { text: 'nothing of it' })).toEqual([])
  })

  test('can be searched for a field and its value', () => {
    const ring = createRing()
    const lines = [
      '"id":"a b"',
      '"id":12',
      '"id":123',
      '"err":{"id":"a b","n":1}',
      '"other":"id=12"',
      '"say":"\\"x\\""',
    ]
    for (const fields of lines) ring.push(30, `{"level":30,"time":"t",${fields},"msg":"m"}`)
    expect(seqs(ring, { field: 'id=a b' })).toEqual([1, 4])
    expect(seqs(ring, { field: 'id=12' })).toEqual([2])
    expect(seqs(ring, { field: 'say="x"' })).toEqual([6])
    expect(seqs(ring, { field: 'id=', level: 'info' })).toEqual([])
  })

  test('names number and level last, whatever fields a line has', () => {
    const ring = createRing()
    ring.push(50, '{"level":50,"time":"t","seq":"mine","level":"mine too","msg":"m"}')
    const [entry = ''] = readLines(ring, { limit: 1 }).entries
    expect(JSON.parse(entry)).toEqual({ time: 't', seq: 1, level: 'error', msg: 'm' })
  })
})
