import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createAttempts } from '../src/server/attempts.ts'
import { createBuckets } from '../src/server/limits/buckets.ts'
import { limitTable } from '../src/server/limits/table.ts'
import { frame, hello, replyTo } from './support/frames.ts'
import { measure, type Reading } from './support/measure.ts'
import { type Server, startTalon } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

const pad = 'x'.repeat(190)
const load = { connections: 50, inFlight: 10, durationMs: 3_000, warmUpMs: 1_000 }
const highest = '1000000000'
const keys = 1_000_000
const maxKeys = 100_000

/** What counting every request costs, and how much memory a flood of keys takes. */
export async function limits(): Promise<Row[]> {
  const off = await startTalon()
  const on = await startTalon({
    TALON_LIMITS: 'on',
    TALON_LIMITS_READS: highest,
    TALON_LIMITS_FRAMES: highest,
    TALON_LIMITS_BYTES: highest,
    TALON_LIMITS_UNAUTHENTICATED_REQUESTS: highest,
  })
  try {
    // By turns, so that what else the machine does is the same for both.
    const readings = { off: [await ask(off)], on: [await ask(on)] }
    for (const _round of [2, 3]) {
      readings.off.push(await ask(off))
      readings.on.push(await ask(on))
    }
    const without = median(readings.off)
    return [
      row('gateway.status, 50×10, limits off', without),
      row('gateway.status, 50×10, limits on', median(readings.on), { against: without, of: 'off' }),
      flood(),
    ]
  } finally {
    await off.stop()
    await on.stop()
  }
}

function ask(server: Server): Promise<Reading> {
  return measure({
    ...load,
    url: `ws://127.0.0.1:${server.port}/ws`,
    greet: connection => [hello(connection)],
    request: (_connection, id) => frame(id, 'gateway.status', { pad }),
    answered: replyTo,
  })
}

function median(readings: readonly Reading[]): Reading {
  const sorted = readings.toSorted((a, b) => a.perSecond - b.perSecond)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (!middle) throw new Error('Nothing was measured.')
  return middle
}

/** A million keys in the buckets of each limit: what is in memory then, and how long one took. */
function flood(): Row {
  const rates = Object.values(limitTable).flatMap(({ limit, windowMs, per }) =>
    windowMs === null || per === 'connection' ? [] : { limit, windowMs },
  )
  const before = heapMiB()
  const flooded = rates.map(() => createBuckets(maxKeys))
  const attempts = createAttempts({ clock: { monotonic: () => 1_000 }, limit: 20 })
  const startedAt = performance.now()
  for (const [index, buckets] of flooded.entries()) {
    const rate = rates[index]
    if (!rate) continue
    for (let key = 0; key < keys; key += 1) {
      const name = nameOf(key)
      if (buckets.look(name, rate, 1_000).waitMs === 0) buckets.take(name, rate, 1_000)
    }
  }
  for (let key = 0; key < keys; key += 1) attempts.failed(`${nameOf(key)}::1`)
  const eachNs = ((performance.now() - startedAt) * 1e6) / (keys * (rates.length + 1))
  const heldMiB = heapMiB() - before
  const last = attempts.state(`${nameOf(keys - 1)}::1`, 20)
  if (last.remaining !== 19) throw new Error('The newest attempt was forgotten.')
  const kept = flooded.reduce((sum, buckets) => sum + buckets.size(), 0)
  return {
    what: `a million keys in each of ${rates.length} limits, and in the failed sign-ins`,
    figure: `${heldMiB.toFixed(1)} MiB for the ${kept.toLocaleString('en')} that are kept, ${Math.round(eachNs)} ns each`,
  }
}

function nameOf(key: number): string {
  return `2001:db8:${(key >> 16).toString(16)}:${(key & 0xffff).toString(16)}`
}

function heapMiB(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  return process.memoryUsage().heapUsed / 1024 ** 2
}
