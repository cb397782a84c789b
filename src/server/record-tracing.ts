/** A place in a trace: what `traceparent` says of it. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string
  /** 16 hexadecimal digits. */
  spanId: string
  /** Whether the spans of this trace are kept. */
  sampled: boolean
}

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

export interface SpanOptions {
  /** What it is a part of; without it a new trace begins. */
  parent?: TraceContext | undefined
  kind?: 'internal' | 'server' | 'client'
  attributes?: Attributes
}

/** Something that takes time. Nothing that people, models or tools said ever stands in one. */
export interface Span {
  /** Undefined while no traces are made. */
  readonly context: TraceContext | undefined
  name(name: string): void
  set(attributes: Attributes): void
  /** Marks it as failed, by the code of the error: its text may quote anything. */
  fail(code: string): void
  /** Further calls do nothing. */
  end(): void
}

/** Makes traces; costs next to nothing while `tracing.endpoint` is not set. */
export interface Tracing {
  readonly enabled: boolean
  start(name: string, options?: SpanOptions): Span
  /** Does the work as a span, which ends with it. What it throws marks the span as failed. */
  around<T>(name: string, options: SpanOptions, work: (span: Span) => T): T
  /** The place that a caller names by `traceparent`; undefined if it names none, or no traces are made. */
  accept(traceparent: string | undefined): TraceContext | undefined
  /** Lets a run that begins later be a part of the trace of the request that asked for it. */
  bindRun(runId: string, context: TraceContext | undefined): void
  /** The place for a run, this one time. */
  takeRun(runId: string): TraceContext | undefined
  stats(): TracingFigures
}

export interface TracingFigures {
  /** Spans that wait for their delivery now. */
  queued: number
  /** Spans since the start: that the collector took; that it refused, or for which there was no room. */
  delivered: number
  dropped: number
}
