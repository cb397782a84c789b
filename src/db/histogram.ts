/**
 * How a measured value was spread. `counts[i]` holds what was at most `bounds[i]` and over the bound before it; the last
 * count, one more than there are bounds, holds what was over all. So a Prometheus histogram is a running sum of `counts`.
 */
export interface Histogram {
  bounds: readonly number[]
  counts: readonly number[]
  count: number
  sum: number
  max: number
}

export interface Recorder {
  add(value: number): void
  read(): Histogram
}

/** From a tenth of a millisecond, which a small read takes, to what a person would call hung. */
export const durationBoundsMs: readonly number[] = [
  0.1, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000,
]
/** How many shared one step, such as commands in a commit. */
export const batchBounds: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128]

/** A histogram of fixed buckets, so that it costs the same memory for ever. Bounds ascend. */
export function createRecorder(bounds: readonly number[]): Recorder {
  const counts = new Array<number>(bounds.length + 1).fill(0)
  let [count, sum, max] = [0, 0, 0]
  return {
    add(value) {
      let bucket = 0
      while (value > (bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1
      counts[bucket] = (counts[bucket] ?? 0) + 1
      count += 1
      sum += value
      if (value > max) max = value
    },
    read: () => ({ bounds, counts: [...counts], count, sum: rounded(sum), max: rounded(max) }),
  }
}

/** To a thousandth, because what is finer is noise in whatever shows it. */
function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
