import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { frame, hello, replyTo } from './support/frames.ts'
import { measure, percentile, type Reading } from './support/measure.ts'
import { startTalon } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

const files = 2_000
const fileBytes = 25_000
const rounds = 40
const query = 'a needle in the hay'
/** Where the gateway looks for it too. */
const ripgreps = ['/usr/bin/rg', '/usr/local/bin/rg']

/** How long a search in a tree of 50 MB takes beside bare ripgrep, by turns, so that both meet the same machine. */
export async function searchFiles(): Promise<Row[]> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'talon-bench-')))
  const workspace = join(home, 'workspace')
  fill(workspace)
  const talon = await startTalon({}, home)
  const ripgrep = ripgreps.find(path => existsSync(path))
  const payload = { toolName: 'file_search', args: { path: '.', query } }
  try {
    const within = await measure({
      connections: 1,
      inFlight: 1,
      durationMs: 6_000,
      warmUpMs: 2_000,
      url: `ws://127.0.0.1:${talon.port}/ws`,
      greet: connection => [hello(connection)],
      request: (_connection, id) => frame(id, 'tools.invoke', payload),
      answered: replyTo,
    })
    const name = `file_search in ${files} files of ${fileBytes} bytes`
    if (ripgrep === undefined) return [row(`${name}, no ripgrep here`, within)]
    const bare = await bareRipgrep(ripgrep, workspace)
    return [row('ripgrep alone', bare), row(name, within, { against: bare, of: 'ripgrep alone' })]
  } finally {
    await talon.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

function fill(workspace: string): void {
  const line = 'The quick brown fox jumps over the lazy dog, and nobody knows why it does so.\n'
  const text = line.repeat(Math.ceil(fileBytes / line.length)).slice(0, fileBytes)
  for (let count = 0; count < files; count++) {
    const folder = join(workspace, `folder-${count % 50}`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${count}.txt`), count % 200 === 0 ? `${text}${query}\n` : text)
  }
}

async function bareRipgrep(program: string, workspace: string): Promise<Reading> {
  const latencies: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    const options = ['--no-config', '--hidden', '--no-ignore', '--ignore-case', '--fixed-strings', '--line-number']
    const child = spawn(program, [...options, '-e', query, workspace], { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.resume()
    await once(child, 'close')
    latencies.push(performance.now() - startedAt)
  }
  const totalMs = latencies.reduce((sum, ms) => sum + ms, 0)
  latencies.sort((a, b) => a - b)
  const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)]
  return { perSecond: (1_000 * rounds) / totalMs, p50, p99, count: rounds, refused: 0 }
}
