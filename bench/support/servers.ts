import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A server in a process of its own; `stop` ends it and removes what it kept. */
export interface Server {
  port: number
  pid: number
  stop(): Promise<void>
}

export const token = 'bench-token-of-at-least-thirty-two-characters'
const bench = join(import.meta.dirname, '..')

/** Starts the gateway, built, on a free port with limits off; in a data folder of its own, unless one is given. */
export async function startTalon(
  env: Record<string, string> = {},
  home: string = mkdtempSync(join(tmpdir(), 'talon-bench-')),
): Promise<Server & { readyMs: number }> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, ['--max-semi-space-size=8', join(bench, '..', 'bin', 'talon.mjs'), 'start'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      TALON_HOME: home,
      TALON_PORT: '0',
      TALON_TOKEN: token,
      TALON_LIMITS: 'off',
      TALON_LOG_LEVEL: 'warn',
      ...env,
    },
  })
  await line(child, text => text.includes('/login#code='))
  const { port } = JSON.parse(readFileSync(join(home, 'run', 'gateway.json'), 'utf8'))
  while (!(await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
  const readyMs = performance.now() - startedAt
  return { port, pid: child.pid ?? 0, readyMs, stop: () => end(child, home) }
}

/** Starts one of the servers that are held against it; it prints its port. It is given a folder of its own, or `argument`. */
export async function startPeer(
  file: 'bare-hono.ts' | 'raw-ws.ts' | 'one-per-transaction.ts' | 'reads-on-main.ts',
  argument?: string,
): Promise<Server> {
  const home = mkdtempSync(join(tmpdir(), 'talon-bench-'))
  const child = spawn(process.execPath, [join(bench, 'support', file), argument ?? home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = Number(await line(child, () => true))
  return { port, pid: child.pid ?? 0, stop: () => end(child, home) }
}

/** Resident memory of a process, in MiB. */
export function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}

async function line(child: ChildProcess, matches: (text: string) => boolean): Promise<string> {
  if (!child.stdout) throw new Error('The server has no output.')
  const lines = createInterface({ input: child.stdout })
  for await (const text of lines) {
    if (!matches(text)) continue
    child.stdout.resume()
    return text
  }
  throw new Error('The server ended before it was ready.')
}

async function end(child: ChildProcess, home: string): Promise<void> {
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
  rmSync(home, { recursive: true, force: true })
}
