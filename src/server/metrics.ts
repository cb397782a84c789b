import { prometheus } from '@hono/prometheus'
import type { MiddlewareHandler } from 'hono'
import { collectDefaultMetrics, type Metric, Registry } from 'prom-client'
import type { Histogram } from '../db/histogram.ts'
import type { Change } from '../db/store.ts'
import type { Registry as Connections } from './connections.ts'
import { countChanges } from './metrics/commits.ts'
import { createDiskReader } from './metrics/disk.ts'
import { measuredModels } from './metrics/models.ts'
import { type Figures, type Reading, readings } from './metrics/readings.ts'
import type { MetricRow } from './metrics/row.ts'
import { createSampler, type SamplerSources } from './metrics/sampler.ts'
import { type CountedName, countedByPackage, type MetricName, metricTable, type ScrapedName } from './metrics/table.ts'
import { createTally, type Series, type Tally } from './metrics/tally.ts'
import { measuredTools } from './metrics/tools.ts'
import type { App, Clock, Models, Tools } from './record.ts'
import type { Metrics } from './record-metrics.ts'

export interface GatewayMetrics extends Metrics {
  /** Counts and times requests over HTTP. */
  http: MiddlewareHandler
  commit(changes: readonly Change[]): void
  models(models: Models): Models
  tools(tools: Tools): Tools
  /** Hands over what the scrape reads, once all of it is made. */
  connect(sources: Sources): void
}

interface Sources {
  app: App
  registry: Connections
  runsWaiting: () => number
}

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** The metrics of one gateway. */
export function createMetrics({ clock }: { clock: Clock }): GatewayMetrics {
  const tally = createTally()
  const registry = new Registry()
  const http = countHttp(registry, tally, clock)
  let read: () => Promise<void> = async () => undefined
  let figures: Figures | undefined
  let now: SamplerSources['now'] = () => ({ connections: 0, activeRuns: 0 })
  for (const name of Object.keys(metricTable) as MetricName[]) {
    // The keys of a literal table.
    const row: MetricRow = metricTable[name]
    if (name === countedByPackage) continue
    const values = () =>
      row.from === 'scraped'
        ? figures && valuesOf(name, row, readings[name as ScrapedName](figures)) // By its row.
        : countedValues(name, row, tally)
    // What prom-client asks of a metric is its `get`; these keep their figures elsewhere, where counting costs less.
    const metric = { name, get: async () => ({ name, help: row.help, type: row.type, values: values() ?? [] }) }
    registry.registerMetric(metric as unknown as Metric)
  }
  const write = async () => {
    startProcessMetrics(registry)
    await read()
    return { text: await registry.metrics(), contentType: registry.contentType }
  }
  let writing: ReturnType<typeof write> | undefined
  const metrics: Metrics = {
    inc: (name, ...labels) => tally.add(name, 1, ...labels),
    add: (name, value, ...labels) => tally.add(name, value, ...labels),
    observe: (name, durationMs, ...labels) => tally.observe(name, durationMs, ...labels),
    page() {
      writing ??= write().finally(() => {
        writing = undefined
      })
      return writing
    },
    sampler: () => createSampler({ clock, tally, now: () => now() }),
  }
  return {
    ...metrics,
    http,
    commit: changes => countChanges(metrics, changes),
    models: models => measuredModels(models, metrics, clock),
    tools: tools => measuredTools(tools, metrics),
    connect(sources) {
      const { app } = sources
      const disk = createDiskReader(app)
      now = () => ({ connections: app.connections.count(), activeRuns: app.runs.count() })
      read = async () => {
        figures = await gather(sources, disk)
      }
    },
  }
}

async function gather({ app, registry, runsWaiting }: Sources, disk: () => Promise<Figures['disk']>): Promise<Figures> {
  // With a store that fails, the other figures are what tells why.
  const counts = await app.store.counts().catch(() => undefined)
  return {
    app,
    registry,
    counts,
    budgets: await app.budgets.list({}).catch(() => undefined),
    runsWaiting: runsWaiting(),
    store: app.store.stats(),
    pools: app.models.pools(),
    unsent: registry.unsent(),
    disk: await disk(),
  }
}

/** Requests by the pattern of their route, so that no id and no made-up path or method becomes a series. */
function countHttp(registry: Registry, tally: Tally, clock: Clock): MiddlewareHandler {
  const { help } = metricTable.talon_http_requests_total
  const { registerMetrics } = prometheus({
    registry,
    prefix: 'talon_',
    metricOptions: {
      requestsTotal: { help, customLabels: { method: methodOf, route: routeOf } },
      // Its histogram costs more than all else that a small request does, and has the buckets for every status.
      requestDuration: { disabled: true },
    },
  })
  return async (c, next) => {
    const startedAt = clock.monotonic()
    const answer = await registerMetrics(c, next)
    const durationMs = clock.monotonic() - startedAt
    tally.observe('talon_http_request_duration_seconds', durationMs, methodOf(c), routeOf(c))
    return answer
  }
}

function methodOf({ req }: { req: { method: string } }): string {
  return knownMethods.has(req.method) ? req.method : 'other'
}

/** What ended at a middleware, which is mounted on a star, found no route. */
function routeOf({ req }: { req: { routePath: string } }): string {
  return req.routePath.endsWith('*') ? 'none' : req.routePath
}

/** From the first scrape on, so that a gateway that nobody scrapes does not pay for the timers in it. */
function startProcessMetrics(registry: Registry): void {
  if (registry.getSingleMetric('process_cpu_seconds_total')) return
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 20 })
  // Gauges by these names are no valid metrics: only a counter may end in _total.
  for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`)
}

interface Value {
  metricName?: string
  labels: Record<string, string>
  value: number
}

function countedValues(name: MetricName, row: MetricRow, tally: Tally): Value[] {
  const counted = name as CountedName // By its row.
  if (row.type === 'counter') return tally.counters(counted).map(series => labelled(row, series))
  return tally
    .histograms(counted)
    .flatMap(({ labels, value }) => bucketsOf(name, value, labelled(row, { labels, value: 0 }).labels))
}

function valuesOf(name: MetricName, row: MetricRow, reading: Reading): Value[] {
  if (reading === undefined) return []
  if (typeof reading === 'number') return [{ labels: {}, value: reading }]
  if ('bounds' in reading) return bucketsOf(name, reading, {})
  return reading.map(series => labelled(row, series))
}

function labelled(row: MetricRow, { labels, value }: Series<number>): Value {
  return { labels: Object.fromEntries(row.labels.map((label, index) => [label, labels[index] ?? ''])), value }
}

/** Durations are counted in ms and shown in seconds. */
function bucketsOf(name: MetricName, { bounds, counts, count, sum }: Histogram, labels: Value['labels']): Value[] {
  const scale = name.endsWith('_seconds') ? 1_000 : 1
  let below = 0
  const buckets = bounds.map((bound, index) => {
    below += counts[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bound / scale) }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sum / scale },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
