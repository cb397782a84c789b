import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { WebSocket } from 'ws'
import { openSqliteStore } from '../src/db/sqlite/engine.ts'
import { buildModels, providersSchema } from '../src/server/agent/providers.ts'
import { frame, hello, replyTo } from './support/frames.ts'
import { type Load, measure, median, percentile, type Reading } from './support/measure.ts'
import { provider } from './support/provider.ts'
import { startPeer, startTalon, token } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

const runs = 1_000_000
const dayMs = 24 * 60 * 60_000
const pings = { connections: 1, inFlight: 1, durationMs: 6_000, warmUpMs: 1_000 }
const calls = { warmUp: 100, counted: 1_500 }

/** What the pools are for: pings while a million rows are summed up, calls of a provider; each with and without. */
export async function pools(): Promise<Row[]> {
  const home = mkdtempSync(join(tmpdir(), 'talon-bench-'))
  try {
    await fill(home)
    return [...(await reading(home)), ...(await calling(1)), ...(await calling(32))]
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** What a million sessions spent in the last 30 days. */
async function fill(home: string): Promise<void> {
  const migrationsDir = join(import.meta.dirname, '..', 'migrations')
  const file = join(home, 'gateway.db')
  const store = await openSqliteStore({ file, home, migrationsDir })
  await store.createSession({ id: 's', senderId: 'u', channel: 'c', at: Date.now() })
  await store.close()
  const database = new Database(file)
  database.pragma('synchronous = OFF')
  database
    .prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${runs})
       INSERT INTO usage_days (day, session_id, token_id, provider, model, runs, calls, input_tokens, output_tokens, micro_usd)
       SELECT CAST(@from AS INTEGER) + i % 30, printf('sess_%032d', i), 't', 'acme', 'model-' || (i % 3), 1, 1, 1200, 340, 8700 FROM n`,
    )
    .run({ from: Math.floor(Date.now() / dayMs) - 29 })
  database.close()
}

async function reading(home: string): Promise<Row[]> {
  const span = { from: Date.now() - 31 * dayMs, to: Date.now(), by: 'model', limit: 100 }
  const plain = await startPeer('reads-on-main.ts', join(home, 'gateway.db'))
  const plainLoad = { url: `ws://127.0.0.1:${plain.port}`, request: ping, answered: replyTo, ...pings }
  const plainSocket = await connect(plainLoad.url)
  const onMain = await measureWhile(plainLoad, () => ask(plainSocket, frame('usage', 'usage', span)))
  plainSocket.terminate()
  await plain.stop()

  const talon = await startTalon({}, home)
  const load = { url: `ws://127.0.0.1:${talon.port}/ws`, greet: greeting, request: ping, answered: replyTo, ...pings }
  const quiet = await measure(load)
  const usage = `http://127.0.0.1:${talon.port}/api/v1/usage?from=${span.from}&to=${span.to}&by=model`
  const pooled = await measureWhile(load, async () => {
    const response = await fetch(usage, { headers: { authorization: `Bearer ${token}` } })
    if (!response.ok) throw new Error(await response.text())
    await response.arrayBuffer()
  })
  await talon.stop()
  const sum = `sum of ${runs.toLocaleString('en')} rows by model`
  return [
    row('ping, nothing else', quiet),
    row(`ping during a ${sum}, on the main thread`, onMain.reading),
    {
      ...row(`ping during the same, in the reader pool`, pooled.reading),
      ratio: `p99 ${(pooled.reading.p99 / onMain.reading.p99).toPrecision(2)} × main thread, ${(pooled.reading.p99 / quiet.p99).toFixed(1)} × nothing else`,
    },
    { what: `${sum}, main thread`, figure: `${median(onMain.readMs).toFixed(0)} ms` },
    {
      what: `${sum}, reader pool`,
      figure: `${median(pooled.readMs).toFixed(0)} ms`,
      ratio: `${(median(pooled.readMs) / median(onMain.readMs)).toFixed(2)} × main thread`,
    },
  ]
}

function ping(_connection: number, id: string): string {
  return frame(id, 'ping', {})
}

function greeting(connection: number): string[] {
  return [hello(connection)]
}

/** Reads again and again while a load is measured. */
async function measureWhile(load: Load, read: () => Promise<void>): Promise<{ reading: Reading; readMs: number[] }> {
  const readMs: number[] = []
  let measured = false
  const repeat = async () => {
    while (!measured) {
      const startedAt = performance.now()
      await read()
      readMs.push(performance.now() - startedAt)
    }
  }
  const repeated = repeat()
  const reading = await measure(load)
  measured = true
  await repeated
  return { reading, readMs }
}

function connect(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('open', () => resolve(socket))
  })
}

function ask(socket: WebSocket, text: string): Promise<void> {
  return new Promise(resolve => {
    socket.once('message', () => resolve())
    socket.send(text)
  })
}

/** Calls of a provider that leaves sockets open for the pool, beside one that closes each after its answer. */
async function calling(atOnce: number): Promise<Row[]> {
  const without = await callLatency(false, atOnce)
  const pooled = await callLatency(true, atOnce)
  const what = (name: string, sockets: number) => `provider call, ${atOnce} at once, ${name} (${sockets} sockets)`
  return [
    row(what('a socket each', without.sockets), without.reading),
    row(what('HTTP pool', pooled.sockets), pooled.reading, { against: without.reading, of: 'a socket each' }),
  ]
}

async function callLatency(keepsSockets: boolean, atOnce: number): Promise<{ reading: Reading; sockets: number }> {
  const server = await provider(keepsSockets)
  const config = [{ name: 'acme', kind: 'openai-compatible', baseUrl: server.url, models: ['m'] }]
  const models = buildModels(providersSchema.parse(config), {
    readSecret: () => undefined,
    newId: () => 'id',
    now: Date.now,
  })
  const [model] = models.defaultChain
  if (!model) throw new Error('The provider has no model.')
  const signal = new AbortController().signal
  const call = async () => {
    const request = { system: '', messages: [{ role: 'user' as const, content: 'Hi' }], tools: [], signal }
    for await (const _event of model.stream(request));
  }
  const repeat = async (count: number, latencies: number[]) => {
    const lane = async () => {
      for (let left = Math.ceil(count / atOnce); left > 0; left--) {
        const startedAt = performance.now()
        await call()
        latencies.push(performance.now() - startedAt)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
  }
  await repeat(calls.warmUp, [])
  const latencies: number[] = []
  const startedAt = performance.now()
  await repeat(calls.counted, latencies)
  const perSecond = latencies.length / ((performance.now() - startedAt) / 1000)
  await models.close()
  server.close()
  latencies.sort((a, b) => a - b)
  const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)]
  return { reading: { perSecond, p50, p99, count: latencies.length, refused: 0 }, sockets: server.sockets() }
}
