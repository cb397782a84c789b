import { httpSockets } from '../http-sockets.ts'
import type { Log } from '../log.ts'
import type { TracingFigures } from '../record-tracing.ts'
import { type FinishedSpan, type Source, writeTraces } from './otlp.ts'

export interface Exporter {
  /** Takes a span for delivery; it is dropped where there is no room. */
  add(span: FinishedSpan): void
  stats(): TracingFigures
  /** Delivers what waits, for this long at most, and ends. */
  close(graceMs: number): Promise<void>
}

export interface ExporterSettings {
  /** The address of the collector, with or without the path of OTLP. */
  endpoint: string
  headers: Readonly<Record<string, string>>
  source: Source
  log: Log
  /** Uniform in [0, 1), for jitter. */
  random: () => number
}

/** Spans that wait while the collector is slow or away, about 2 MB; later ones are dropped until there is room. */
const maxQueued = 4_096
const maxBatch = 512
// Long enough that a busy gateway sends hundreds at once, short enough that one sees its own request soon.
const delayMs = 1_000
const timeoutMs = 10_000
const firstRetryMs = 1_000
const maxRetryMs = 30_000
const maxAnswerBytes = 64 * 1024
// OTLP 1, "Failures": any other refusal would be the same at the next try.
const passing = new Set([429, 502, 503, 504])
const path = '/v1/traces'

type Outcome = { rejected: number } | { reason: string; retry: boolean; retryAfterMs?: number }

/** Delivers spans to a collector by OTLP over HTTP in batches, apart from the work that they are of. */
export function createExporter({ endpoint, headers, source, log, random }: ExporterSettings): Exporter {
  const address = endpoint.replace(/\/+$/, '')
  const url = address.endsWith(path) ? address : `${address}${path}`
  const sockets = httpSockets({ connections: 1, keepAliveMs: 30_000, connectTimeoutMs: timeoutMs })
  const queue: FinishedSpan[] = []
  const ended = new AbortController()
  const figures = { delivered: 0, dropped: 0 }
  let timer: NodeJS.Timeout | undefined
  let delivering: Promise<void> | undefined
  let failures = 0

  const later = (waitMs: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => void deliver(), waitMs)
    timer.unref()
  }
  const deliver = () => {
    clearTimeout(timer)
    timer = undefined
    delivering ??= deliverAll().finally(() => {
      delivering = undefined
    })
    return delivering
  }
  const deliverAll = async () => {
    while (queue.length > 0 && !ended.signal.aborted) {
      // They stay in the queue until they are taken, so that its bound holds for them too.
      const batch = queue.slice(0, maxBatch)
      const outcome = await send(batch)
      if ('reason' in outcome) {
        failures += 1
        tell(outcome)
        // At once, as some collectors say, would be a storm.
        if (outcome.retry) return later(Math.max(outcome.retryAfterMs ?? 0, backoffMs(failures, random)))
        figures.dropped += batch.length
      } else {
        if (failures > 0) log.info({ dropped: figures.dropped }, 'traces are delivered again')
        failures = 0
        figures.dropped += outcome.rejected
        figures.delivered += batch.length - outcome.rejected
      }
      queue.splice(0, batch.length)
    }
  }
  const send = async (batch: FinishedSpan[]): Promise<Outcome> => {
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(timeoutMs)])
    const body = writeTraces(batch, source)
    const init = { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } }
    try {
      return await outcomeOf(await sockets.fetch(url, { ...init, redirect: 'error', signal }))
    } catch (error) {
      return { reason: reasonOf(error), retry: true }
    }
  }
  // Once for an outage, however long it is.
  const tell = ({ reason, retry }: Extract<Outcome, { reason: string }>) => {
    if (failures > 1 || ended.signal.aborted) return
    const what = retry ? 'traces cannot be delivered; they are kept as long as there is room' : 'traces are refused'
    log.warn({ collector: new URL(url).origin, reason }, what)
  }
  return {
    add(span) {
      if (queue.length >= maxQueued || ended.signal.aborted) {
        figures.dropped += 1
        return
      }
      queue.push(span)
      if (queue.length >= maxBatch && failures === 0) void deliver()
      else if (timer === undefined && delivering === undefined) later(delayMs)
    },
    stats: () => ({ queued: queue.length, ...figures }),
    async close(graceMs) {
      const late = setTimeout(() => ended.abort(), graceMs)
      await deliver()
      // What was added while the last batch was on its way.
      await deliver()
      clearTimeout(late)
      clearTimeout(timer)
      ended.abort()
      if (queue.length > 0) log.warn({ dropped: queue.length }, 'traces were not delivered before the end')
      await sockets.close()
    },
  }
}

type Answer = Awaited<ReturnType<ReturnType<typeof httpSockets>['fetch']>>

async function outcomeOf(response: Answer): Promise<Outcome> {
  const { status, ok, headers } = response
  if (ok) return { rejected: rejectedIn(await startOf(response)) }
  await response.body?.cancel()
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN)
  const wait = Number.isFinite(retryAfter)
    ? { retryAfterMs: Math.min(Math.max(0, retryAfter) * 1_000, maxRetryMs) }
    : {}
  return { reason: `HTTP ${status}`, retry: passing.has(status), ...wait }
}

async function startOf(response: Answer): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length >= maxAnswerBytes) break
  }
  return text
}

/** How many spans a collector says that it did not want, of those that it took. */
function rejectedIn(answer: string): number {
  try {
    const rejected = Number(JSON.parse(answer)?.partialSuccess?.rejectedSpans ?? 0)
    return Number.isSafeInteger(rejected) && rejected > 0 ? Math.min(rejected, maxBatch) : 0
  } catch {
    // Some collectors answer nothing at all.
    return 0
  }
}

function backoffMs(failures: number, random: () => number): number {
  return Math.min(firstRetryMs * 2 ** (failures - 1), maxRetryMs) * (0.5 + random() / 2)
}

function reasonOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string') return cause.code
    if (cause.name === 'TimeoutError') return `no answer within ${timeoutMs / 1_000} s`
  }
  return error instanceof Error ? error.name : 'unknown'
}
