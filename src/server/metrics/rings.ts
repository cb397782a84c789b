import type { ParsedPayload, ReplyPayload } from '../../protocol/messages.ts'
import { quantile, type Sample, type Spread, together } from './sampler.ts'

export type HistoryRange = ParsedPayload<'metrics.history'>['range']
export type HistoryPage = ReplyPayload<'metrics.history'>
export type SeriesName = keyof HistoryPage['series']

/** How often the figures are sampled: each sample is one point of the finest ring. */
export const sampleEveryMs = 5_000

/** Points of each ring: 468 in all, so that 12 series of them take 48 KiB, whatever happens. */
export const rings: Record<HistoryRange, { stepMs: number; points: number }> = {
  '5m': { stepMs: sampleEveryMs, points: 60 },
  '1h': { stepMs: 30_000, points: 120 },
  '24h': { stepMs: 300_000, points: 288 },
}

const ranges = Object.keys(rings) as HistoryRange[] // The keys of a literal table, which Object.keys widens to string.

/** What a point of a longer time makes of its samples: their mean by time, their highest, or what all requests took. */
const merged: Record<SeriesName, 'mean' | 'highest' | 'quantile'> = {
  messagesPerSecond: 'mean',
  requestsPerSecond: 'mean',
  tokensPerSecond: 'mean',
  costUsdPerHour: 'mean',
  errorsPerMinute: 'mean',
  p50Ms: 'quantile',
  p99Ms: 'quantile',
  memoryBytes: 'highest',
  heapBytes: 'highest',
  eventLoopDelayMs: 'highest',
  connections: 'highest',
  activeRuns: 'highest',
}

const names = Object.keys(merged) as SeriesName[] // As above.

type Point = Record<SeriesName, number | null>

/** A row as it is saved: the number of its slot, and its values in the order of the series. */
export type SavedRow = readonly (number | null)[]
export type SavedRings = Partial<Record<HistoryRange, readonly SavedRow[]>>

export interface Rings {
  /** Takes what happened in the `intervalMs` before `at`. */
  add(sample: Sample, requests: Spread): void
  /** Every point of a range up to `now`; null where nothing was sampled. */
  read(range: HistoryRange, now: number): HistoryPage
  save(): SavedRings
  /** Takes what another process saved; what is no row is left out. */
  load(saved: SavedRings): void
}

/** Figures over time. A point has its place by the clock, so that a time without samples is a gap, and never closes. */
export function createRings(): Rings {
  // Their entries are the keys of the table, which fromEntries widens to string.
  const byRange = Object.fromEntries(
    ranges.map(range => [range, createRing(rings[range].stepMs, rings[range].points)]),
  ) as Record<HistoryRange, Ring>
  return {
    add(sample, requests) {
      for (const range of ranges) byRange[range].add(sample, requests)
    },
    read: (range, now) => ({ range, ...byRange[range].read(now) }),
    save: () => Object.fromEntries(ranges.map(range => [range, byRange[range].save()])),
    load(saved) {
      for (const range of ranges) byRange[range].load(saved[range] ?? [])
    },
  }
}

interface Ring {
  add(sample: Sample, requests: Spread): void
  read(now: number): Omit<HistoryPage, 'range'>
  save(): SavedRow[]
  load(rows: readonly SavedRow[]): void
}

/** What the newest slot has got so far. */
interface Gathered {
  slot: number
  ms: number
  point: Point
  requests: Spread
}

function createRing(stepMs: number, points: number): Ring {
  const slots = new Float64Array(points).fill(-1)
  const values = new Float64Array(points * names.length)
  let newest = -1
  let gathered: Gathered | undefined
  const put = (slot: number, row: readonly (number | null)[]) => {
    const at = slot % points
    slots[at] = slot
    values.set(
      row.map(value => value ?? Number.NaN),
      at * names.length,
    )
    newest = slot
  }
  const valueAt = (slot: number, series: number): number | null => {
    const at = slot % points
    const value = slots[at] === slot ? (values[at * names.length + series] ?? Number.NaN) : Number.NaN
    return Number.isNaN(value) ? null : rounded(value)
  }
  return {
    add(sample, requests) {
      const covered = slotsOf(sample, stepMs, points)
      for (const slot of covered) {
        const ms = Math.min(sample.intervalMs, stepMs)
        const now: Gathered = { slot, ms, point: pointOf(sample), requests }
        gathered = gathered?.slot === slot ? both(gathered, now) : now
        const { point } = gathered
        put(
          slot,
          names.map(name => point[name]),
        )
      }
    },
    read(now) {
      // The slot of this moment is not over: it is shown once something is in it.
      const current = Math.floor(now / stepMs)
      const last = newest === current ? current : current - 1
      const first = last - points + 1
      const columns = names.map((name, series) => [
        name,
        Array.from({ length: points }, (_, at) => valueAt(first + at, series)),
      ])
      // It has every name of the table, which fromEntries widens to string.
      return { from: first * stepMs, stepMs, series: Object.fromEntries(columns) as HistoryPage['series'] }
    },
    save: () =>
      [...slots]
        .filter(slot => slot >= 0)
        .sort((a, b) => a - b)
        .map(slot => [slot, ...names.map((_, series) => valueAt(slot, series))]),
    load(rows) {
      for (const [slot, ...row] of rows.slice(-points)) {
        if (!Number.isSafeInteger(slot) || typeof slot !== 'number' || slot < 0 || row.length !== names.length) continue
        put(slot, row)
      }
    },
  }
}

/** The slots whose middle a sample covers, else the one that it fell into; one that was late fills those that it missed. */
function slotsOf({ at, intervalMs }: Sample, stepMs: number, points: number): number[] {
  const first = Math.floor((at - intervalMs) / stepMs + 0.5)
  const last = Math.floor(at / stepMs - 0.5)
  if (last < first) return [Math.floor((at - intervalMs / 2) / stepMs)]
  const count = Math.min(points, last - first + 1)
  return Array.from({ length: count }, (_, index) => last - count + 1 + index)
}

function pointOf(sample: Sample): Point {
  const { intervalMs, costUsd, errors, ...figures } = sample
  return {
    ...figures,
    costUsdPerHour: (costUsd * 3_600_000) / intervalMs,
    errorsPerMinute: (errors * 60_000) / intervalMs,
  }
}

function both(before: Gathered, now: Gathered): Gathered {
  const requests = together([before.requests, now.requests])
  const ms = before.ms + now.ms
  const mean = (name: SeriesName) => ((before.point[name] ?? 0) * before.ms + (now.point[name] ?? 0) * now.ms) / ms
  const highest = (name: SeriesName) => Math.max(before.point[name] ?? 0, now.point[name] ?? 0)
  const ways = {
    mean,
    highest,
    quantile: (name: SeriesName) => quantile(requests, name === 'p50Ms' ? 0.5 : 0.99),
  }
  // It has every name of the table, which fromEntries widens to string.
  const point = Object.fromEntries(names.map(name => [name, ways[merged[name]](name)])) as Point
  return { slot: now.slot, ms, point, requests }
}

/** Four digits are more than a chart shows, and keep a page of points small. */
function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
