import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { RunFile } from '../../src/cli/gateway.ts'
import { lives, type Named } from '../../src/cli/process/alive.ts'
import type { Installed } from '../support/program.ts'
import { type Finished, finish } from './checkout.ts'
import { plainEnv } from './running.ts'

/** A data folder for one test, whose gateway does not outlive it. */
export function newDaemonHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'talon-process-'))
  onTestFinished(async () => {
    const run = runFileOf(home)
    if (run && run.pid !== process.pid) await kill9(run)
    rmSync(home, { recursive: true, force: true })
  })
  return home
}

/** What the gateway of a data folder says of itself, or said before it was killed. */
export function runFileOf(home: string): RunFile | undefined {
  const file = join(home, 'run', 'gateway.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

/** The gateway that runs on a data folder. */
export function daemonOf(home: string): RunFile & { url: string } {
  const run = runFileOf(home)
  if (!run || !lives(run)) throw new Error(`No gateway runs on ${home}`)
  return { ...run, url: `http://127.0.0.1:${run.port}` }
}

/** Kills a process if it is still the same, and resolves when it is gone. */
export async function kill9(named: Named): Promise<void> {
  if (lives(named)) process.kill(named.pid, 'SIGKILL')
  await gone(named)
}

/** Resolves when a process has ended that is no child of ours, of which nobody tells us. */
export async function gone(named: Named): Promise<void> {
  while (lives(named)) await setTimeout(20)
}

/** Runs the installed program to its end. It takes any free port. */
export function talonOf({ entry }: Installed) {
  return (home: string, argv: string[], env: Record<string, string> = {}): Promise<Finished> =>
    finish(process.execPath, [entry, ...argv], { env: plainEnv({ TALON_HOME: home, TALON_PORT: '0', ...env }) })
}

export interface Running {
  child: ChildProcess
  /** Resolves as soon as standard output holds this text. Rejects if it ends before. */
  until(text: string): Promise<void>
  ended: Promise<Finished>
}

/** The same, without waiting for its end. */
export function startTalon(
  { entry }: Installed,
  home: string,
  argv: string[],
  env: Record<string, string> = {},
): Running {
  const child = spawn(process.execPath, [entry, ...argv], {
    env: plainEnv({ TALON_HOME: home, TALON_PORT: '0', ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let [out, err] = ['', '']
  let look = () => {}
  child.stdout.on('data', chunk => {
    out += chunk
    look()
  })
  child.stderr.on('data', chunk => {
    err += chunk
  })
  const ended = once(child, 'close').then(([exitCode]): Finished => ({ exitCode, out, err }))
  const until = (text: string) =>
    new Promise<void>((resolve, reject) => {
      look = () => out.includes(text) && resolve()
      look()
      void ended.then(() => reject(new Error(`Waiting for "${text}", it ended and had said: ${out}${err}`)))
    })
  return { child, until, ended }
}

/** A process that has nothing to do with Talon. */
export async function startForeigner(): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ['-e', 'console.log("here"); setInterval(() => {}, 1e6)'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const { pid } = child
  if (pid === undefined) throw new Error('It did not start')
  return Object.assign(child, { pid })
}
