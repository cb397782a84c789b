import { errorPayload } from '../protocol/errors.ts'
import type { Config } from './config.ts'
import type { Log } from './log.ts'
import type { Clock, Models, Tools } from './record.ts'
import type { Attributes, Span, SpanOptions, TraceContext, Tracing } from './record-tracing.ts'
import { readTraceparent } from './traceparent.ts'
import { createExporter, type Exporter } from './tracing/exporter.ts'
import { tracedModels } from './tracing/models.ts'
import { tracedTools } from './tracing/tools.ts'

export interface GatewayTracing extends Tracing {
  /** The same models, each call of which is a span that the provider is told of. */
  models(models: Models): Models
  /** The same tools, each run of which is a span. */
  tools(tools: Tools): Tools
  /** Delivers what waits, for this long at most. */
  close(graceMs: number): Promise<void>
}

export interface TracingDeps {
  config: Config
  clock: Clock
  log: Log
  /** Uniform in [0, 1), for jitter. */
  random: () => number
  randomBytes: (count: number) => Buffer
  version: string
  bootId: string
}

/** Runs that were asked for and have not begun; beyond it the oldest begins a trace of its own. */
const maxBoundRuns = 10_000
// The wall clock is corrected a little all the time; only one that was set moves the spans that begin from then on.
const maxDriftMs = 50
const randomPoolBytes = 4_096

/** The traces of one gateway. */
export function createTracing(deps: TracingDeps): GatewayTracing {
  const { config, clock } = deps
  const endpoint = config['tracing.endpoint']
  if (endpoint === null) return off
  const exporter = createExporter({
    endpoint,
    headers: config['tracing.headers'],
    source: { version: deps.version, instance: deps.bootId },
    log: deps.log,
    random: deps.random,
  })
  const now = steadyTime(clock)
  const bound = new Map<string, TraceContext>()
  const id = randomIds(deps.randomBytes)
  const start = (name: string, options: SpanOptions = {}): Span => {
    const traceId = options.parent?.traceId ?? id(16)
    const sampled = options.parent?.sampled ?? isSampled(traceId, config['tracing.sampleRatio'])
    const context = { traceId, spanId: id(8), sampled }
    return sampled ? openSpan(context, name, options, { exporter, now, clock }) : { ...silent, context }
  }
  const tracing: Tracing = {
    enabled: true,
    start,
    around: (name, options, work) => within(start(name, options), work),
    accept: readTraceparent,
    bindRun(runId, context) {
      if (!context) return
      bound.set(runId, context)
      const [oldest] = bound.keys()
      if (bound.size > maxBoundRuns && oldest !== undefined) bound.delete(oldest)
    },
    takeRun(runId) {
      const context = bound.get(runId)
      bound.delete(runId)
      return context
    },
    stats: exporter.stats,
  }
  return {
    ...tracing,
    models: models => tracedModels(models, tracing, clock),
    tools: tools => tracedTools(tools, tracing),
    close: exporter.close,
  }
}

const silent: Span = { context: undefined, name() {}, set() {}, fail() {}, end() {} }

const off: GatewayTracing = {
  enabled: false,
  start: () => silent,
  around: (_name, _options, work) => work(silent),
  accept: () => undefined,
  bindRun() {},
  takeRun: () => undefined,
  stats: () => ({ queued: 0, delivered: 0, dropped: 0 }),
  models: models => models,
  tools: tools => tools,
  close: async () => {},
}

function openSpan(
  context: TraceContext,
  firstName: string,
  { parent, kind = 'internal', attributes: given = {} }: SpanOptions,
  { exporter, now, clock }: { exporter: Exporter; now: () => number; clock: Clock },
): Span {
  const startMs = now()
  const startedAt = clock.monotonic()
  let name = firstName
  let attributes: Attributes = given
  let failed = false
  let ended = false
  return {
    context,
    name(better) {
      name = better
    },
    set(more) {
      attributes = { ...attributes, ...more }
    },
    fail(code) {
      failed = true
      attributes = { ...attributes, 'error.type': code }
    },
    end() {
      if (ended) return
      ended = true
      const { traceId, spanId } = context
      exporter.add({
        traceId,
        spanId,
        parentSpanId: parent?.spanId,
        name,
        kind,
        startMs,
        endMs: startMs + clock.monotonic() - startedAt,
        attributes,
        failed,
      })
    },
  }
}

function within<T>(span: Span, work: (span: Span) => T): T {
  const failed = (error: unknown): never => {
    span.fail(errorPayload(error).code)
    span.end()
    throw error
  }
  let done: T
  try {
    done = work(span)
  } catch (error) {
    return failed(error)
  }
  if (!(done instanceof Promise)) {
    span.end()
    return done
  }
  // The same promise with its end noted on the way, which the type of any T cannot say.
  return done.then(settled => {
    span.end()
    return settled
  }, failed) as T
}

/**
 * Whether a trace is kept: decided by its id, so that all programs that ask alike keep the same ones. The last 13 digits
 * are random in every kind of id, and as many as a double holds.
 */
function isSampled(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52
}

/** Random ids of so many bytes, as hexadecimal digits; the bytes of many are made at once, as a call costs microseconds. */
function randomIds(randomBytes: (count: number) => Buffer): (bytes: number) => string {
  let pool = ''
  let used = 0
  return bytes => {
    if (used + bytes * 2 > pool.length) {
      pool = randomBytes(randomPoolBytes).toString('hex')
      used = 0
    }
    used += bytes * 2
    return pool.slice(used - bytes * 2, used)
  }
}

/** Unix milliseconds with a fraction, in which what began later is later, unless the clock of the wall was set. */
function steadyTime(clock: Clock): () => number {
  let offsetMs = clock.now() - clock.monotonic()
  return () => {
    const drift = clock.now() - clock.monotonic() - offsetMs
    if (Math.abs(drift) > maxDriftMs) offsetMs += drift
    return clock.monotonic() + offsetMs
  }
}
