import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { plainEnvironment } from '../support/program.ts'
import { type Finished, finish } from './checkout.ts'

const entry = join(import.meta.dirname, '..', '..', 'bin', 'talon.mjs')

/** The environment of a shell that knows nothing of Talon, and this. */
export function plainEnv(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { ...plainEnvironment(), ...extra }
}

/** Runs the program as a user does, to its end. */
export function talon(home: string, argv: string[], env?: Record<string, string>): Promise<Finished> {
  return finish(process.execPath, [entry, ...argv], { env: plainEnv({ TALON_HOME: home, ...env }) })
}

export interface RunningGateway {
  child: ChildProcess
  url: string
  /** What it has printed so far, on both streams. */
  printed(): string
  exit: Promise<number | null>
}

/** Starts the gateway as a user does, and waits until it is there. */
export async function startGatewayProcess(home: string, argv: string[] = []): Promise<RunningGateway> {
  const env = plainEnv({ TALON_HOME: home, TALON_PORT: '0' })
  const child = spawn(process.execPath, [entry, 'start', ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const linked = Promise.withResolvers<void>()
  const read = (chunk: Buffer) => {
    text += chunk
    if (text.includes('/login#code=')) linked.resolve()
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const exit = once(child, 'close').then(([code]) => code as number | null) // The first argument of 'close'.
  await Promise.race([
    linked.promise,
    exit.then(code => {
      throw new Error(`The gateway ended with ${code}: ${text}`)
    }),
  ])
  const { port } = JSON.parse(readFileSync(join(home, 'run', 'gateway.json'), 'utf8'))
  return { child, url: `http://127.0.0.1:${port}`, printed: () => text, exit }
}
