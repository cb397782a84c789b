import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteStore } from '../src/db/sqlite/engine.ts'
import type { Store } from '../src/db/store.ts'
import type { CacheStats } from '../src/server/cache.ts'
import { frame, hello, replyTo } from './support/frames.ts'
import { measure, type Reading } from './support/measure.ts'
import { type Latencies, readingOf, replay } from './support/replay.ts'
import { type Server, startTalon, token } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

const sessions = 400
const atOnce = 50
const messagesPerSession = 60
const load = { connections: 20, inFlight: 5, durationMs: 2_500, warmUpMs: 1_000 }

/** The dashboard's own traffic, and requests that caches answer alone: how often they could, and what it is worth. */
export async function cache(): Promise<Row[]> {
  const home = mkdtempSync(join(tmpdir(), 'talon-bench-'))
  const copy = `${home}-copy`
  try {
    await fill(home)
    cpSync(home, copy, { recursive: true })
    const without = await startTalon({ TALON_CACHE_ENABLED: 'off' }, copy)
    const cached = await startTalon({}, home)
    // By turns, so that what else the machine does is the same for both.
    const slow: Latencies = new Map()
    const fast: Latencies = new Map()
    for (const round of [1, 2, 3]) {
      await replay(without.port, round, slow)
      await replay(cached.port, round, fast)
    }
    const rates = await hitRates(cached.port)
    const steps = [...fast].map(([step, latencies]) =>
      compared(step, readingOf(latencies), readingOf(slow.get(step) ?? [])),
    )
    const alone = []
    for (const type of ['session.get', 'tools.list', 'gateway.status']) {
      alone.push(...comparedAlone(type, await hammer(cached, type), await hammer(without, type)))
    }
    await cached.stop()
    await without.stop()
    return [...rates, ...steps, ...alone]
  } finally {
    for (const folder of [home, copy]) rmSync(folder, { recursive: true, force: true })
  }
}

function compared(what: string, cached: Reading, plain: Reading): Row {
  return row(what, cached, { against: plain, of: 'without caches' })
}

/** Conversations to look at, in a gateway that has just been started: its caches know none of them. */
async function fill(home: string): Promise<void> {
  const migrationsDir = join(import.meta.dirname, '..', 'migrations')
  const store = await openSqliteStore({ file: join(home, 'gateway.db'), home, migrationsDir })
  for (let index = 0; index < sessions; index += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, (_, offset) => fillSession(store, index + offset)))
  }
  await store.close()
}

async function fillSession(store: Store, index: number): Promise<void> {
  const at = Date.now()
  const { sessionId } = await store.beginImport({ id: `sess_${index}`, spareId: `spare_${index}`, at })
  const entries = Array.from({ length: messagesPerSession }, (_, seq) => ({
    id: `message-${index}-${seq}`,
    spareId: `spare-${index}-${seq}`,
    role: seq % 2 === 0 ? ('user' as const) : ('assistant' as const),
    content: 'A message of ordinary length, as a person would write it to an assistant in the middle of a day.',
    timestamp: at,
  }))
  await store.importEntries({ sessionId, epoch: 1, entries })
  const session = { senderId: 'bench', channel: 'bench', title: `Conversation ${index}`, createdAt: at }
  await store.finishImport({ sessionId, epoch: 1, session: { ...session, lastActiveAt: at + index }, at })
}

async function hitRates(port: number): Promise<Row[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/pools`, { headers: { authorization: `Bearer ${token}` } })
  const { caches } = (await answer.json()) as { caches: CacheStats[] }
  return caches.map(({ name, hits, misses, size, max }) => {
    const share = (100 * hits) / (hits + misses)
    const reads = (hits + misses).toLocaleString('en')
    return {
      what: `hit rate of ${name}, from a cold start`,
      figure: `${share.toFixed(1)} % of ${reads} reads, holds ${size} of ${max}`,
    }
  })
}

interface Hammered {
  reading: Reading
  /** Processor time of the gateway for one request, which other work on the machine does not change. */
  processorUs: number
}

async function hammer({ port, pid }: Server, type: string): Promise<Hammered> {
  const payload = type === 'session.get' ? { sessionId: 'sess_1' } : {}
  const before = processorMs(pid)
  const reading = await measure({
    ...load,
    url: `ws://127.0.0.1:${port}/ws`,
    greet: connection => [hello(connection)],
    request: (_connection, id) => frame(id, type, payload),
    answered: replyTo,
  })
  // It answers before the count begins as well, about as fast.
  const requests = (reading.perSecond * (load.warmUpMs + load.durationMs)) / 1_000
  return { reading, processorUs: (1_000 * (processorMs(pid) - before)) / requests }
}

function comparedAlone(type: string, cached: Hammered, plain: Hammered): Row[] {
  return [
    compared(`${type} alone, ${load.connections}×${load.inFlight}`, cached.reading, plain.reading),
    {
      what: `${type} alone, processor time of one`,
      figure: `${cached.processorUs.toFixed(0)} µs`,
      ratio: `${(cached.processorUs / plain.processorUs).toFixed(2)} × without caches`,
    },
  ]
}

/** What a process has used of the processors so far; Linux counts in hundredths of a second. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return 10 * (Number(fields[11]) + Number(fields[12]))
}
