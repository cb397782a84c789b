/** Where a figure comes from. What is `scraped` is read when somebody asks for `/metrics`; all else is counted where it happens. */
export const origins = {
  http: 'requests over HTTP',
  request: 'requests, over WebSocket and REST',
  socket: 'WebSockets',
  commit: 'commits',
  provider: 'calls of models',
  tool: 'runs of tools',
  signIn: 'sign-ins',
  scraped: 'read at the scrape',
} as const

export type Origin = keyof typeof origins

/** One metric. A counter's figure is since the start, a gauge's of now; a histogram counts durations in seconds, or sizes. */
export interface MetricRow {
  type: 'counter' | 'gauge' | 'histogram'
  from: Origin
  help: string
  labels: readonly string[]
  /** Upper bounds of the buckets of what is counted here, in ms; what is read brings its own. */
  boundsMs: readonly number[]
  /** Series at most; what comes beyond them is counted under the label `other`. */
  maxSeries: number
}

// Types of frames in two directions are the most that any has.
const maxCounterSeries = 200
// As many as there are routes; each is as many series as it has buckets, and two.
const maxHistogramSeries = 80

/** Of a request, which the gateway answers itself. */
export const requestBoundsMs: readonly number[] = [1, 5, 25, 100, 500, 2_500, 10_000]
/** Of work that a model or a tool does. */
export const workBoundsMs: readonly number[] = [10, 50, 250, 1_000, 2_500, 10_000, 30_000, 120_000, 600_000]

export function counter<From extends Origin, const Labels extends readonly string[] = readonly []>(
  from: From,
  help: string,
  labels?: Labels,
) {
  return { type: 'counter', from, help, labels: given(labels), boundsMs: [], maxSeries: maxCounterSeries } as const
}

export function gauge<const Labels extends readonly string[] = readonly []>(help: string, labels?: Labels) {
  const from = 'scraped'
  return { type: 'gauge', from, help, labels: given(labels), boundsMs: [], maxSeries: maxCounterSeries } as const
}

export function histogram<From extends Origin, const Labels extends readonly string[] = readonly []>(
  from: From,
  help: string,
  labels?: Labels,
  boundsMs: readonly number[] = workBoundsMs,
) {
  return { type: 'histogram', from, help, labels: given(labels), boundsMs, maxSeries: maxHistogramSeries } as const
}

/** No labels are the default of the type; the two cannot be told apart by inference. */
function given<Labels extends readonly string[]>(labels: Labels | undefined): Labels {
  return labels ?? ([] as readonly string[] as Labels)
}
