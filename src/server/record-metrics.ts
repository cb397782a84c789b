import type { Sampler } from './metrics/sampler.ts'
import type { CounterName, HistogramName, LabelValues } from './metrics/table.ts'

/**
 * Counts what happens; costs some tens of nanoseconds. A label is a value of a fixed set, never what a caller chose: a
 * route's pattern, a type, a code, the name of something that is configured.
 */
export interface Metrics {
  inc<N extends CounterName>(name: N, ...labels: LabelValues<N>): void
  add<N extends CounterName>(name: N, value: number, ...labels: LabelValues<N>): void
  /** A duration, in ms. */
  observe<N extends HistogramName>(name: N, durationMs: number, ...labels: LabelValues<N>): void
  /** All of it as Prometheus reads it. Those who ask at the same time share the answer. */
  page(): Promise<{ text: string; contentType: string }>
  /** For one who reads some of it again and again; ends with `stop`. */
  sampler(): Sampler
}
