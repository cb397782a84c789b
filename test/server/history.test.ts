import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createRings, type HistoryRange, type Rings, rings as table } from '../../src/server/metrics/rings.ts'
import type { Sample, Spread } from '../../src/server/metrics/sampler.ts'
import { testGateway } from '../support/gateway.ts'
import { temporaryHome } from '../support/store.ts'

// The edge of a slot of every ring.
const start = 1_800_000_000_000
const none: Spread = { bounds: [1, 10], counts: [0, 0, 0], count: 0 }

function sample(at: number, values: Partial<Sample> = {}): Sample {
  return {
    ...{ at, intervalMs: 5_000, connections: 1, activeRuns: 0, requestsPerSecond: 0, messagesPerSecond: 0 },
    ...{ tokensPerSecond: 0, costUsd: 0, errors: 0, p50Ms: null, p99Ms: null },
    ...{ memoryBytes: 1e8, heapBytes: 1e7, eventLoopDelayMs: 0, ...values },
  }
}

const column = (
  rings: Rings,
  range: HistoryRange,
  now: number,
  series: 'messagesPerSecond' | 'p50Ms' | 'memoryBytes',
) => rings.read(range, now).series[series]

describe('the rings', () => {
  test('have a point for each step, and nothing where nothing was sampled', () => {
    const rings = createRings()
    rings.add(sample(start + 5_000, { messagesPerSecond: 1 }), none)
    rings.add(sample(start + 10_000, { messagesPerSecond: 2 }), none)
    // Two samples are missing: the gateway did not run.
    rings.add(sample(start + 25_000, { messagesPerSecond: 3 }), none)
    const page = rings.read('5m', start + 26_000)
    expect(page).toMatchObject({ range: '5m', stepMs: 5_000, from: start + 25_000 - 300_000 })
    expect(page.series.messagesPerSecond).toHaveLength(60)
    expect(page.series.messagesPerSecond.slice(-6)).toEqual([null, 1, 2, null, null, 3])
    expect(column(rings, '5m', start + 400_000, 'messagesPerSecond')).toEqual(new Array(60).fill(null))
  })

  test('make longer points of shorter ones: means of rates, the highest of levels, quantiles of all requests', () => {
    const rings = createRings()
    const fast: Spread = { bounds: [1, 10], counts: [98, 0, 0], count: 98 }
    const slow: Spread = { bounds: [1, 10], counts: [0, 2, 0], count: 2 }
    rings.add(sample(start + 5_000, { messagesPerSecond: 1, memoryBytes: 3e8, p50Ms: 0.5 }), fast)
    rings.add(sample(start + 10_000, { messagesPerSecond: 3, memoryBytes: 2e8, p50Ms: 5 }), slow)
    expect(column(rings, '1h', start + 10_000, 'messagesPerSecond').at(-1)).toBe(2)
    expect(column(rings, '1h', start + 10_000, 'memoryBytes').at(-1)).toBe(3e8)
    // A mean of the two medians would be far from what half of the requests took.
    expect(column(rings, '24h', start + 10_000, 'p50Ms').at(-1)).toBeLessThan(1)
  })

  test('fill what a late sample covers, keep their size, and survive a clock that goes back', () => {
    const rings = createRings()
    for (let at = 1; at <= 20_000; at++) rings.add(sample(start + at * 5_000), none)
    const now = start + 100_000_000
    rings.add(sample(now + 15_000, { intervalMs: 15_000, messagesPerSecond: 7 }), none)
    expect(column(rings, '5m', now + 15_000, 'messagesPerSecond').slice(-4)).toEqual([0, 7, 7, 7])
    for (const range of ['5m', '1h', '24h'] as const) {
      expect(rings.read(range, now).series.memoryBytes).toHaveLength(table[range].points)
    }
    expect(JSON.stringify(rings.save()).length).toBeLessThan(100_000)
    rings.add(sample(now - 3_600_000, { messagesPerSecond: 9 }), none)
    expect(column(rings, '5m', now - 3_600_000, 'messagesPerSecond').at(-1)).toBe(9)
  })

  test('take up what was saved, with a gap between, and leave out what is no row', () => {
    const before = createRings()
    before.add(sample(start + 5_000, { messagesPerSecond: 4 }), none)
    const after = createRings()
    after.load(JSON.parse(JSON.stringify(before.save())))
    after.load({ '5m': [[], [1.5, 2], [-3], [null]] })
    after.add(sample(start + 20_000, { messagesPerSecond: 5 }), none)
    expect(column(after, '5m', start + 20_000, 'messagesPerSecond').slice(-4)).toEqual([4, null, null, 5])
  })
})

test('a gateway keeps its history over a restart, and starts with a file that is none', async () => {
  const { home, remove } = temporaryHome()
  onTestFinished(remove)
  const file = join(home, 'run', 'history.json')
  const first = await testGateway({ home })
  const page = await (await first.fetch('/api/v1/history?range=24h')).json()
  expect([page.range, page.stepMs, page.series.p99Ms.length]).toEqual(['24h', 300_000, 288])
  expect((await first.fetch('/api/v1/history?range=1y')).status).toBe(400)
  await first[Symbol.asyncDispose]()
  const saved = JSON.parse(readFileSync(file, 'utf8'))
  const slot = Math.floor(Date.now() / 300_000) - 2
  saved.rings['24h'] = [[slot, 12.5, ...new Array(11).fill(1)]]
  writeFileSync(file, JSON.stringify(saved))
  const second = await testGateway({ home })
  const { series } = await second.client().request('metrics.history', { range: '24h' })
  expect(series.messagesPerSecond).toContain(12.5)
  await second[Symbol.asyncDispose]()
  writeFileSync(file, '{"version":1,"rings":{"5m":[["x"]],"1h":7}')
  const third = await testGateway({ home })
  expect((await third.fetch('/api/v1/history')).status).toBe(200)
  await third[Symbol.asyncDispose]()
})
