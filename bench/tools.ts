import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Dispatcher, Pool } from 'undici'
import { loadConfig } from '../src/server/config.ts'
import { openLog } from '../src/server/log.ts'
import { createSandbox } from '../src/server/tools/sandbox/sandbox.ts'
import { searchFiles } from './search-files.ts'
import { frame, hello, replyTo } from './support/frames.ts'
import { measure, percentile, type Reading } from './support/measure.ts'
import { type Server, startPeer, startTalon, token } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

const time = { durationMs: 4_000, warmUpMs: 1_500 }
const connections = 50
/** Looks at a list that is empty: all that is measured is what every tool costs. */
const cheapest = 'process_list'
const starts = 200
const shells = { connections: 10, inFlight: 10 }

/** What a tool costs that does nothing, what the sandbox adds to a command, and whether many commands hold others up. */
export async function tools(): Promise<Row[]> {
  const talon = await startTalon()
  const url = `ws://127.0.0.1:${talon.port}/ws`
  const ask = (size: { connections: number; inFlight: number }, type: string, payload: Record<string, unknown>) =>
    measure({
      ...size,
      ...time,
      url,
      greet: connection => [hello(connection)],
      request: (_connection, id) => frame(id, type, payload),
      answered: replyTo,
    })
  try {
    const size = { connections, inFlight: 10 }
    const raw = await rawSockets(size)
    const overSockets = await ask(size, 'tools.invoke', { toolName: cheapest, args: {} })
    const rows = [
      row(`${cheapest} over WebSocket, ${connections}×10`, overSockets, { against: raw, of: 'raw ws' }),
      row(`${cheapest} over HTTP, ${connections} connections`, await overHttp(talon), {
        against: await bareHono(),
        of: 'bare Hono',
      }),
      ...(await sandboxCost()),
      ...(await searchFiles()),
    ]
    const alone = await ask({ connections: 1, inFlight: 1 }, 'ping', {})
    const command = { command: 'sleep 0.1; echo done', timeout: 60_000 }
    const [beside, commands] = await Promise.all([
      ask({ connections: 1, inFlight: 1 }, 'ping', {}),
      ask(shells, 'tools.invoke', { toolName: 'shell_execute', args: command }),
    ])
    rows.push(row('shell_execute "sleep 0.1", 10×10', commands))
    rows.push(row('ping beside these', beside, { against: alone, of: 'ping alone' }))
    return rows
  } finally {
    await talon.stop()
  }
}

/** What the machine can do at all: an echo of a frame as long. */
async function rawSockets(size: { connections: number; inFlight: number }): Promise<Reading> {
  const peer = await startPeer('raw-ws.ts')
  const reading = await measure({
    ...size,
    ...time,
    url: `ws://127.0.0.1:${peer.port}`,
    request: (_connection, id) => frame(id, 'ping', { pad: 'x'.repeat(190) }),
    answered: text => text.slice(7, text.indexOf('"', 7)),
  })
  await peer.stop()
  return reading
}

async function bareHono(): Promise<Reading> {
  const peer = await startPeer('bare-hono.ts')
  const reading = await requests(peer, { path: '/livez', method: 'GET' })
  await peer.stop()
  return reading
}

function overHttp(server: Server): Promise<Reading> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return requests(server, { path: `/api/v1/tools/${cheapest}`, method: 'POST', headers, body: '{"args":{}}' })
}

async function requests({ port }: Server, request: Dispatcher.RequestOptions): Promise<Reading> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 })
  const latencies: number[] = []
  let refused = 0
  const startedAt = performance.now()
  const elapsedMs = () => performance.now() - startedAt
  const ask = async () => {
    while (elapsedMs() < time.warmUpMs + time.durationMs) {
      const sentAt = performance.now()
      const { body, statusCode } = await pool.request(request)
      await body.dump()
      if (statusCode !== 200) refused += 1
      if (elapsedMs() > time.warmUpMs) latencies.push(performance.now() - sentAt)
    }
  }
  await Promise.all(Array.from({ length: connections }, ask))
  const seconds = (elapsedMs() - time.warmUpMs) / 1_000
  await pool.close()
  return { ...readingOf(latencies), perSecond: latencies.length / seconds, refused }
}

/** The same command with and without the sandbox by turns, so that what else the machine does is the same for both. */
async function sandboxCost(): Promise<Row[]> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'talon-bench-')))
  const workspace = join(home, 'workspace')
  const config = loadConfig({ home, env: {} }).values
  const log = openLog({ level: 'fatal', write: () => {} })
  let ids = 0
  const newId = () => `bench-${process.pid}-${++ids}`
  const sandbox = createSandbox({ home, workspace, config, log, newId })
  await sandbox.probe()
  const { signal } = new AbortController()
  const walled = () =>
    sandbox.run({ argv: ['/bin/sh', '-c', 'true'], cwd: workspace, signal, id: newId(), maxOutputBytes: 1_024 })
  const bare = async () => {
    const child = spawn('/bin/sh', ['-c', 'true'], { env: {}, detached: true, stdio: 'pipe' })
    child.stdout.resume()
    child.stderr.resume()
    child.stdin.end()
    await once(child, 'close')
  }
  const times: Record<'bare' | 'walled', number[]> = { bare: [], walled: [] }
  for (let count = 0; count < starts; count++) {
    times.bare.push(await timeOf(bare))
    times.walled.push(await timeOf(walled))
  }
  const { level } = sandbox
  await sandbox.close()
  rmSync(home, { recursive: true, force: true })
  const [without, within] = [readingOf(times.bare), readingOf(times.walled)]
  const addedMs = (within.p50 - without.p50).toFixed(1)
  return [
    row('sh -c true, no sandbox', without),
    row(`sh -c true, sandbox "${level}", adds ${addedMs} ms p50`, within, { against: without, of: 'no sandbox' }),
  ]
}

async function timeOf(act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await act()
  return performance.now() - startedAt
}

function readingOf(latencies: number[]): Reading {
  const totalMs = latencies.reduce((sum, ms) => sum + ms, 0)
  latencies.sort((a, b) => a - b)
  const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)]
  return { perSecond: (1_000 * latencies.length) / totalMs, p50, p99, count: latencies.length, refused: 0 }
}
