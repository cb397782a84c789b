import type { ReplyPayload } from '../../protocol/messages.ts'
import { bytes, dollarsPerHour, milliseconds, perMinute, perSecond, plain } from './words.ts'

export type HistoryPage = ReplyPayload<'metrics.history'>
export type SeriesName = keyof HistoryPage['series']
export type Points = readonly (number | null)[]

export interface ChartSeries {
  name: SeriesName
  label: string
}

export interface Chart {
  title: string
  words: (value: number) => string
  /** What the lines of its scale may be apart; powers of ten and their halves where it is left out. */
  steps?: number[]
  /** One or two; the second is dashed, because colour alone tells nothing to some. */
  series: readonly ChartSeries[]
}

const mebibytes = Array.from({ length: 20 }, (_, power) => 2 ** (20 + power))

/** Every chart of the dashboard, in its order. */
export const charts: readonly Chart[] = [
  { title: 'Messages', words: perSecond, series: [{ name: 'messagesPerSecond', label: 'Messages' }] },
  {
    title: 'Latency',
    words: milliseconds,
    series: [
      { name: 'p50Ms', label: 'p50' },
      { name: 'p99Ms', label: 'p99' },
    ],
  },
  { title: 'Tokens', words: perSecond, series: [{ name: 'tokensPerSecond', label: 'Tokens' }] },
  { title: 'Cost', words: dollarsPerHour, series: [{ name: 'costUsdPerHour', label: 'Cost' }] },
  {
    title: 'Memory',
    words: bytes,
    steps: mebibytes,
    series: [
      { name: 'heapBytes', label: 'heap' },
      { name: 'memoryBytes', label: 'process' },
    ],
  },
  { title: 'Event loop delay', words: milliseconds, series: [{ name: 'eventLoopDelayMs', label: 'Event loop delay' }] },
  {
    title: 'Connections and runs',
    words: plain,
    series: [
      { name: 'connections', label: 'connections' },
      { name: 'activeRuns', label: 'runs' },
    ],
  },
  { title: 'Errors', words: perMinute, series: [{ name: 'errorsPerMinute', label: 'Errors' }] },
]

/** The newest point that has a value. */
export function newest(points: Points): number | null {
  return points.findLast(value => value !== null) ?? null
}

/** The highest value; null if there is none. */
export function highest(points: Points): number | null {
  const values = points.filter(value => value !== null)
  return values.length === 0 ? null : Math.max(...values)
}

/** How many errors there were in all of a page. */
export function errorsOf({ series, stepMs }: Pick<HistoryPage, 'series' | 'stepMs'>): number {
  const perMinute = series.errorsPerMinute.reduce<number>((sum, value) => sum + (value ?? 0), 0)
  return Math.round((perMinute * stepMs) / 60_000)
}

/** A line through the points in a box that is one unit wide for each and `height` high, with a gap where there are none. */
export function pathOf(points: Points, top: number, height: number): string {
  let path = ''
  let isDrawing = false
  for (const [x, value] of points.entries()) {
    if (value === null) {
      isDrawing = false
      continue
    }
    const y = Number((height - (value / top) * height).toFixed(1))
    // One that stands alone is a dot: a line of no length, with round ends.
    path += isDrawing ? `L${x} ${y}` : `M${x} ${y}h0`
    isDrawing = true
  }
  return path
}

/** Rows for a table: the range in so many spans, each with the time that it begins and the highest of its values. */
export function spansOf(page: HistoryPage, count: number): { at: number; values: Record<SeriesName, number | null> }[] {
  const names = Object.keys(page.series) as SeriesName[] // The keys of the table of the protocol.
  const length = Math.ceil(page.series.messagesPerSecond.length / count)
  return Array.from({ length: count }, (_, span) => {
    const column = (name: SeriesName) => highest(page.series[name].slice(span * length, (span + 1) * length))
    // It has every name of the page.
    const values = Object.fromEntries(names.map(name => [name, column(name)])) as Record<SeriesName, number | null>
    return { at: page.from + span * length * page.stepMs, values }
  })
}
