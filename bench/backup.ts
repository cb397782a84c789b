import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Database from 'better-sqlite3'
import { backUp } from '../src/db/sqlite/backup.ts'
import { openSqliteStore } from '../src/db/sqlite/engine.ts'
import { restore, verifyBackup } from '../src/db/sqlite/restore.ts'
import type { Store } from '../src/db/store.ts'
import { frame, hello, replyTo } from './support/frames.ts'
import { measure, percentile } from './support/measure.ts'
import { startTalon, token } from './support/servers.ts'
import type { Row } from './support/table.ts'

const migrationsDir = join(import.meta.dirname, '..', 'migrations')
const wantedBytes = 300 * 1024 * 1024
const messageBytes = 1_000
const writers = 16
const quietMs = 2_000
const nanosecondsPerMs = 1e6

/** What a backup costs while a gateway works, and how long it takes. It makes its data and removes it. */
export async function backup(): Promise<Row[]> {
  const home = mkdtempSync(join(tmpdir(), 'talon-bench-'))
  try {
    await fill(home)
    return [...(await besideWrites(home)), ...(await overHttp(home))]
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

async function fill(home: string): Promise<void> {
  const file = join(home, 'gateway.db')
  await (await openSqliteStore({ file, home, migrationsDir })).close()
  const database = new Database(file)
  database.pragma('synchronous = OFF')
  database.exec(
    "INSERT INTO sessions (id, sender_id, channel, state, created_at, last_active_at) VALUES ('s', 'u', 'c', 'idle', 1, 1)",
  )
  const insert = database.prepare(
    `WITH RECURSIVE n(i) AS (SELECT @from UNION ALL SELECT i + 1 FROM n WHERE i < @from + 9999)
     INSERT INTO messages (id, session_id, role, content, timestamp, epoch, seq)
     SELECT 'm' || i, 's', 'user', hex(randomblob(@half)), i, 1, i FROM n`,
  )
  const size = () => Number(database.pragma('page_count', { simple: true })) * 4096
  let from = 1
  for (; size() < wantedBytes; from += 10_000) insert.run({ from, half: messageBytes / 2 })
  database.exec(`UPDATE sessions SET seq = ${from - 1}, message_count = ${from - 1}`)
  // Otherwise the gateway would fill the search index meanwhile, which is another benchmark.
  database.exec('UPDATE search_state SET messages_through = (SELECT max(rowid) FROM messages)')
  database.close()
}

/** In the process that makes it: what it does to the loop, and to those who write meanwhile. */
async function besideWrites(home: string): Promise<Row[]> {
  const file = join(home, 'gateway.db')
  const target = join(home, 'bench.backup')
  const store = await openSqliteStore({ file, home, migrationsDir })
  const load = writeOn(store)
  const [quietLoop, busyLoop] = [monitorEventLoopDelay({ resolution: 1 }), monitorEventLoopDelay({ resolution: 1 })]
  quietLoop.enable()
  await new Promise(resolve => setTimeout(resolve, quietMs))
  quietLoop.disable()
  const quiet = load.take()
  busyLoop.enable()
  const { ms, result } = await timed(() => backUp({ name: file }, target))
  busyLoop.disable()
  const busy = load.take()
  await load.stop()
  await store.close()
  const alone = await timed(() => backUp({ name: file }, join(home, 'alone.backup')))
  const verified = await timed(() => verifyBackup({ file: target, migrationsDir, checksum: true }))
  const restored = await timed(() => restore({ home, file: target, migrationsDir, checksum: true, now: Date.now() }))
  const megabytes = `${Math.round(result.bytes / 1024 / 1024)} MB`
  return [
    { what: `backup of ${megabytes} while ${writers} writers write`, figure: seconds(ms) },
    { what: 'event loop before', figure: delays(quietLoop) },
    { what: 'event loop meanwhile', figure: delays(busyLoop) },
    { what: 'their acknowledgements before', figure: acks(quiet) },
    { what: 'their acknowledgements meanwhile', figure: acks(busy) },
    { what: `backup of ${megabytes}, nobody writes`, figure: seconds(alone.ms) },
    { what: `verify ${megabytes}`, figure: seconds(verified.ms) },
    { what: `restore ${megabytes}`, figure: seconds(restored.ms) },
  ]
}

/** From outside, as `talon backup <file>` does it. */
async function overHttp(home: string): Promise<Row[]> {
  const talon = await startTalon({ TALON_BACKUP_EVERY_HOURS: 'null' }, home)
  const ping = (durationMs: number) =>
    measure({
      url: `ws://127.0.0.1:${talon.port}/ws`,
      connections: 1,
      inFlight: 1,
      durationMs,
      warmUpMs: 200,
      greet: connection => [hello(connection)],
      request: (_connection, id) => frame(id, 'ping', {}),
      answered: replyTo,
    })
  const quiet = await ping(quietMs)
  const base = `http://127.0.0.1:${talon.port}/api/v1/backups`
  const headers = { authorization: `Bearer ${token}` }
  const during = ping(quietMs)
  const made = await timed(
    async () => (await (await fetch(base, { method: 'POST', headers })).json()) as { name: string; bytes: number },
  )
  const got = await timed(
    async () => (await (await fetch(`${base}/${made.result.name}`, { headers })).arrayBuffer()).byteLength,
  )
  const busy = await during
  const command = await timed(() => commandLine(home, join(home, 'by-command.backup')))
  await talon.stop()
  return [
    { what: 'POST /api/v1/backups', figure: seconds(made.ms) },
    { what: `GET of its ${Math.round(got.result / 1024 / 1024)} MB`, figure: seconds(got.ms) },
    { what: '`talon backup <file>`, the whole command', figure: seconds(command.ms) },
    { what: 'ping p99 before', figure: `${quiet.p99.toFixed(1)} ms` },
    { what: 'ping p99 meanwhile', figure: `${busy.p99.toFixed(1)} ms` },
  ]
}

function commandLine(home: string, file: string): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'bin', 'talon.mjs'), 'backup', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, TALON_HOME: home, TALON_TOKEN: token },
  })
  return new Promise((resolve, reject) => {
    child.once('exit', code => (code === 0 ? resolve() : reject(new Error(`talon backup ended with ${code}`))))
  })
}

function writeOn(store: Store) {
  let latencies: number[] = []
  let since = performance.now()
  let stopped = false
  const lane = async (number: number) => {
    for (let count = 0; !stopped; count++) {
      const id = `${number}-${count}-${since}`
      const startedAt = performance.now()
      await store.sendMessage({
        target: { sessionId: 's' },
        messageId: id,
        runId: `r${id}`,
        text: 'x'.repeat(messageBytes),
        tokenId: 't',
        at: 1,
      })
      latencies.push(performance.now() - startedAt)
    }
  }
  const lanes = Array.from({ length: writers }, (_, number) => lane(number))
  return {
    take() {
      const taken = { latencies: latencies.sort((a, b) => a - b), ms: performance.now() - since }
      latencies = []
      since = performance.now()
      return taken
    },
    async stop() {
      stopped = true
      await Promise.all(lanes)
    },
  }
}

function delays(loop: ReturnType<typeof monitorEventLoopDelay>): string {
  const ms = (nanoseconds: number) => `${(nanoseconds / nanosecondsPerMs).toFixed(1)} ms`
  return `p50 ${ms(loop.percentile(50))}, p99 ${ms(loop.percentile(99))}, max ${ms(loop.max)}`
}

function acks({ latencies, ms }: { latencies: number[]; ms: number }): string {
  const rate = Math.round((latencies.length / ms) * 1_000).toLocaleString('en')
  return `${rate}/s, p50 ${percentile(latencies, 0.5).toFixed(1)} ms, p99 ${percentile(latencies, 0.99).toFixed(1)} ms, max ${percentile(latencies, 1).toFixed(0)} ms`
}

async function timed<Result>(work: () => Promise<Result>): Promise<{ ms: number; result: Result }> {
  const startedAt = performance.now()
  const result = await work()
  return { ms: performance.now() - startedAt, result }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}
