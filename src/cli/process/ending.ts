import { setTimeout } from 'node:timers/promises'
import { CommandError, type Context } from '../context.ts'
import type { RunFile } from '../gateway.ts'
import { lives } from './alive.ts'

export interface EndOptions {
  /** Whether a process that does not end is killed. */
  force: boolean
  timeoutMs: number
}

export interface Ended {
  forced: boolean
  tookMs: number
}

const lookEveryMs = 50
// The kernel needs moments, unless the process waits for a disk that does not answer.
const killTimeoutMs = 5_000

/**
 * Ends a gateway: SIGTERM, and SIGKILL where that is wished and the first did not help in time.
 * @throws CommandError if it may not be touched, or does not end
 */
export async function end(context: Context, run: RunFile, { force, timeoutMs }: EndOptions): Promise<Ended> {
  const startedAt = context.clock.monotonic()
  const ended = (forced: boolean) => ({ forced, tookMs: Math.round(context.clock.monotonic() - startedAt) })
  // A second one would cut short the drain that the first began.
  if (!run.stopping) signal(run, 'SIGTERM')
  if (await isGone(context, run, timeoutMs)) return ended(false)
  if (!force) throw new CommandError(stillThere(run, timeoutMs))
  signal(run, 'SIGKILL')
  if (await isGone(context, run, killTimeoutMs)) return ended(true)
  throw new CommandError(
    `Process ${run.pid} was killed and is still there: it waits for the kernel, such as for a disk that does not answer.`,
  )
}

function signal(run: RunFile, name: NodeJS.Signals): void {
  // Right before each signal, because the id may have become another's.
  if (!lives(run)) return
  try {
    process.kill(run.pid, name)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ESRCH') return
    if (code !== 'EPERM') throw error
    throw new CommandError(`Process ${run.pid} belongs to another account. Use that account, or sudo.`)
  }
}

async function isGone({ clock }: Context, run: RunFile, timeoutMs: number): Promise<boolean> {
  const endsAt = clock.monotonic() + timeoutMs
  for (;;) {
    if (!lives(run)) return true
    const leftMs = endsAt - clock.monotonic()
    if (leftMs <= 0) return false
    await setTimeout(Math.min(lookEveryMs, leftMs))
  }
}

function stillThere(run: RunFile, timeoutMs: number): string {
  return `Process ${run.pid} was asked to stop and has not ended within ${timeoutMs / 1_000} s. It may still do so; to end it at once: talon stop --force`
}
