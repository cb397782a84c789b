import { fileURLToPath } from 'node:url'
import { TalonError } from '../protocol/errors.ts'
import { CommandError, type Context, exitCodes } from './context.ts'

/** The same from src/cli and from dist/server. */
export const migrationsDir = fileURLToPath(new URL('../../migrations', import.meta.url))

/**
 * Does work on the files of a data folder that no other process may touch meanwhile.
 * @throws TalonError `STORAGE_UNAVAILABLE` that names the process which has the folder
 */
export async function whileLocked<Result>(
  context: Context,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  // Loaded here, because most commands need no database.
  const { acquireLock } = await import('../db/sqlite/lock.ts')
  const { home, version, clock } = context
  // Port 0 says that nothing is served.
  const holder = { pid: process.pid, bootId: name, version, host: '', port: 0, startedAt: clock.now() }
  const lock = acquireLock(home, holder)
  try {
    if (lock.restored) context.stderr.write(`A restore of ${lock.restored.from} was cut short and is finished now.\n`)
    return await work()
  } finally {
    lock.release()
  }
}

/**
 * Whether a gateway has the data, this machine's or the one of `TALON_URL`, so that it has to be asked.
 * @throws CommandError if another command works on the data folder
 */
export async function gatewayServes(context: Context): Promise<boolean> {
  if (context.env['TALON_URL']) return true
  const { lockHolder } = await import('../db/sqlite/lock.ts')
  const holder = lockHolder(context.home)
  if (holder?.port !== 0) return holder !== undefined
  throw new CommandError(`Process ${holder.pid} works on ${context.home}. Try again when it is done.`)
}

/** Does work that Ctrl-C ends: what it has begun is undone, and the exit code says so. */
export async function untilStopped(context: Context, work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stop = new AbortController()
  const deafen = context.onStopSignal(() => stop.abort())
  try {
    return await work(stop.signal)
  } catch (error) {
    if (!stop.signal.aborted || !isEnd(error)) throw error
    context.stderr.write('Stopped; nothing was changed.\n')
    return exitCodes.interrupted
  } finally {
    deafen()
  }
}

function isEnd(error: unknown): boolean {
  return (
    (error instanceof TalonError && error.code === 'CANCELLED') ||
    (error instanceof Error && error.name === 'AbortError')
  )
}
