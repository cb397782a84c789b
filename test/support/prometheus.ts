import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** One series of an answer: its labels, and its value now. */
export interface PrometheusSeries {
  metric: Record<string, string>
  value: [number, string]
}

export interface Prometheus {
  /** What this expression is now. @throws Error with what Prometheus says of it */
  query(expression: string): Promise<PrometheusSeries[]>
  [Symbol.asyncDispose](): Promise<void>
}

/** Why tests do without Prometheus here; undefined if it is installed, or has to be because this is CI. */
export function whyNoPrometheus(): string | undefined {
  if (process.env['CI'] !== undefined) return undefined
  const missing = ['prometheus', 'promtool'].filter(name => spawnSync(name, ['--version']).error)
  if (missing.length === 0) return undefined
  return `${missing.join(' and ')} not installed; on Debian: apt-get install prometheus`
}

/** What promtool says, with this on its standard input. */
export async function promtool(args: string[], input = ''): Promise<{ ok: boolean; output: string }> {
  const running = execute('promtool', args)
  // One that ends before it has read everything closes its end.
  running.child.stdin?.on('error', () => undefined)
  running.child.stdin?.end(input)
  return running.then(
    ({ stdout, stderr }) => ({ ok: true, output: stdout + stderr }),
    (error: Error & { stdout?: string; stderr?: string }) => ({
      ok: false,
      output: `${error.message}${error.stdout ?? ''}${error.stderr ?? ''}`,
    }),
  )
}

/** Starts a real Prometheus with this configuration, on a free port, with data of its own. */
export async function startPrometheus(configuration: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'talon-prometheus-'))
  writeFileSync(join(folder, 'prometheus.yml'), configuration)
  const { child, url } = await listening(folder)
  return {
    async query(expression) {
      const body = new URLSearchParams({ query: expression })
      const answer = await (await fetch(`${url}/api/v1/query`, { method: 'POST', body })).json()
      if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`)
      return answer.data.result
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** It cannot be told to take any free port, so another program may be faster; then it ends, and is tried again. */
async function listening(folder: string): Promise<{ child: ChildProcess; url: string }> {
  let said = ''
  for (let attempt = 0; attempt < 5; attempt++) {
    const url = `http://127.0.0.1:${await freePort()}`
    const child = spawn('prometheus', [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${new URL(url).host}`,
    ])
    said = ''
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString()
    })
    child.on('error', error => {
      said += error.message
    })
    while (child.exitCode === null && child.pid !== undefined) {
      if (
        await fetch(`${url}/-/ready`)
          .then(answer => answer.ok)
          .catch(() => false)
      )
        return { child, url }
      await delay(50)
    }
  }
  rmSync(folder, { recursive: true, force: true })
  throw new Error(`Prometheus does not start: ${said}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('There is no free port.')
  return address.port
}
