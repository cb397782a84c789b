import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Histogram } from '../../db/histogram.ts'
import type { EventPayload } from '../../protocol/messages.ts'
import type { Clock } from '../record.ts'
import type { CountedName } from './table.ts'
import type { Tally } from './tally.ts'

export type Sample = EventPayload<'metrics.sample'>

/** One reader of samples; each tells what happened since the one before. */
export interface Sampler {
  read(): Sample
  /** The same, with what its quantiles were taken from. */
  readWhole(): { sample: Sample; requests: Spread }
  stop(): void
}

/** How long requests took: how many in each bucket, the last of which has no bound. */
export interface Spread {
  bounds: readonly number[]
  counts: number[]
  count: number
}

export interface SamplerSources {
  clock: Clock
  tally: Tally
  /** Open WebSocket connections, and runs that work. */
  now: () => { connections: number; activeRuns: number }
}

// Fine enough to see a hitch, and next to nothing to measure.
const delayResolutionMs = 20

export function createSampler(sources: SamplerSources): Sampler {
  const { clock, tally } = sources
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs })
  delay.enable()
  let before = totals(tally)
  let readAt = clock.monotonic()
  const readWhole = () => {
    const [after, now] = [totals(tally), clock.monotonic()]
    const intervalMs = Math.max(1, now - readAt)
    const perSecond = (count: number) => rounded((count * 1_000) / intervalMs)
    const requests = difference(after.requests, before.requests)
    const sample: Sample = {
      at: clock.now(),
      intervalMs: Math.round(intervalMs),
      ...sources.now(),
      requestsPerSecond: perSecond(requests.count),
      messagesPerSecond: perSecond(after.messages - before.messages),
      tokensPerSecond: perSecond(after.tokens - before.tokens),
      // Floating sums end in noise far below what any provider charges.
      costUsd: Math.round((after.costUsd - before.costUsd) * 1e9) / 1e9,
      errors: after.errors - before.errors,
      p50Ms: quantile(requests, 0.5),
      p99Ms: quantile(requests, 0.99),
      memoryBytes: process.memoryUsage.rss(),
      heapBytes: getHeapStatistics().used_heap_size,
      // How much later than asked for; nothing is measured yet where the loop never came by.
      eventLoopDelayMs: delay.count === 0 ? 0 : rounded(Math.max(0, delay.percentile(99) / 1e6 - delayResolutionMs)),
    }
    delay.reset()
    before = after
    readAt = now
    return { sample, requests }
  }
  return {
    read: () => readWhole().sample,
    readWhole,
    stop: () => void delay.disable(),
  }
}

function totals(tally: Tally) {
  const sum = (name: CountedName) => tally.counters(name).reduce((total, { value }) => total + value, 0)
  return {
    messages: sum('talon_messages_total'),
    tokens: sum('talon_tokens_total'),
    costUsd: sum('talon_cost_usd_total'),
    errors: sum('talon_errors_total'),
    requests: together(tally.histograms('talon_request_duration_seconds').map(({ value }) => value)),
  }
}

/** Histograms of the same bounds as one. */
export function together(histograms: readonly Pick<Histogram, 'bounds' | 'counts'>[]): Spread {
  const bounds = histograms[0]?.bounds ?? []
  const counts = Array.from({ length: bounds.length + 1 }, (_, index) =>
    histograms.reduce((sum, histogram) => sum + (histogram.counts[index] ?? 0), 0),
  )
  return { bounds, counts, count: counts.reduce((sum, count) => sum + count, 0) }
}

function difference(after: Spread, before: Spread): Spread {
  const counts = after.counts.map((count, index) => count - (before.counts[index] ?? 0))
  return { bounds: after.bounds, counts, count: after.count - before.count }
}

/** Within a bucket values are taken as evenly spread, as Prometheus does; null if there are none. */
export function quantile({ bounds, counts, count }: Spread, share: number): number | null {
  if (count === 0) return null
  let left = share * count
  for (const [index, inBucket] of counts.entries()) {
    const [low, high] = [bounds[index - 1] ?? 0, bounds[index]]
    // Over the last bound nothing more is known.
    if (high === undefined) return low
    if (left <= inBucket) return rounded(low + ((high - low) * left) / Math.max(1, inBucket))
    left -= inBucket
  }
  return null
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
