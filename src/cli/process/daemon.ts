import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { CommandError, type Context, exitCodes } from '../context.ts'
import { entry, nodeFlags } from '../entry.ts'
import type { SettingFlags } from '../settings-flags.ts'
import { printable } from '../text.ts'
import { linesAfter, logFileOf, openLogFile } from './log-file.ts'

export interface DaemonOptions {
  flags: SettingFlags
  setAside?: boolean
}

/** How a start in the background went. */
type Outcome = { ready: string } | { code: number | null; signal: NodeJS.Signals | null } | { failure: string }

const patienceMs = 10_000
const maxLines = 20

/**
 * Starts a gateway that outlives this command and its terminal, and waits until it is ready.
 * @returns 0, or the exit code that it ended with
 * @throws CommandError if it cannot be started at all
 */
export async function startDaemon(context: Context, options: DaemonOptions): Promise<number> {
  const file = logFileOf(context.home)
  const log = openLog(file)
  const child = launch(context, options, log.descriptor)
  closeSync(log.descriptor)
  const wait = patiently(context, child, file)
  const outcome = await outcomeOf(child).finally(wait.end)
  if (wait.interrupted()) {
    await ended(child)
    context.stderr.write('Stopped before it was ready.\n')
    return exitCodes.interrupted
  }
  if ('failure' in outcome) throw new CommandError(`The gateway could not be started: ${outcome.failure}.`)
  if ('ready' in outcome) {
    release(child)
    context.stdout.write(`${outcome.ready}\n`)
    context.stderr.write(`It runs in the background (process ${child.pid}). Log: ${file}. To stop it: talon stop\n`)
    return exitCodes.ok
  }
  context.stderr.write(failure(outcome, file, linesAfter(file, log.size, maxLines)))
  return exitCodeOf(outcome)
}

/** Tells the command that waits for this process what to show to a person; it may be gone. */
export async function tellStarter(text: string): Promise<void> {
  await new Promise<void>(resolve => {
    if (process.connected && process.send) process.send({ ready: text }, () => resolve())
    else resolve()
  })
  if (process.connected) process.disconnect()
}

function openLog(file: string): { descriptor: number; size: number } {
  try {
    return openLogFile(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CommandError(
      `${file} cannot be written: ${reason}. Give this account the right to, or choose another data folder with TALON_HOME or --home.`,
    )
  }
}

function launch({ home, env }: Context, { flags, setAside }: DaemonOptions, log: number): ChildProcess {
  const settings = Object.entries(flags).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const argv = ['--home', home, 'start', '--announce', ...(setAside ? ['--set-aside'] : []), ...settings]
  return spawn(process.execPath, [...nodeFlags, entry, ...argv], {
    // A session of its own: neither Ctrl-C nor the end of a terminal reaches it.
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    env,
  })
}

/** Until `end`: Ctrl-C stops the child, and a start that takes long is told of. */
function patiently(context: Context, child: ChildProcess, file: string) {
  let stopped = false
  const deafen = context.onStopSignal(() => {
    stopped = true
    child.kill('SIGTERM')
    context.stderr.write('Stopping it; Ctrl-C again ends it at once.\n')
  })
  const slow = setTimeout(() => {
    context.stderr.write(`Still starting (process ${child.pid}). Its log is ${file}; Ctrl-C stops it.\n`)
  }, patienceMs)
  return {
    interrupted: () => stopped,
    end() {
      clearTimeout(slow)
      deafen()
    },
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

function outcomeOf(child: ChildProcess): Promise<Outcome> {
  return new Promise(resolve => {
    child.on('message', message => {
      const ready = typeof message === 'object' && message !== null && 'ready' in message ? message.ready : undefined
      if (typeof ready === 'string') resolve({ ready })
    })
    child.on('exit', (code, signal) => resolve({ code, signal }))
    child.on('error', error => resolve({ failure: error.message }))
  })
}

/** Lets this command end while the child lives on. */
function release(child: ChildProcess): void {
  if (child.connected) child.disconnect()
  child.unref()
}

function failure(outcome: Extract<Outcome, { code: unknown }>, file: string, lines: readonly string[]): string {
  const how = outcome.signal === null ? `exit code ${outcome.code}` : `signal ${outcome.signal}`
  const said = lines.length === 0 ? '' : ` It said last:\n${lines.map(line => `  ${printable(line)}\n`).join('')}`
  return `The gateway did not start (${how}).${said || '\n'}The whole log is ${file}.\n`
}

/** As a shell counts: 128 and the number of the signal. Without a word of being ready even a 0 is a failure. */
function exitCodeOf({ code, signal }: Extract<Outcome, { code: unknown }>): number {
  if (signal !== null) return 128 + (constants.signals[signal] ?? 0)
  return code || exitCodes.failed
}
