import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { CommandError, type Context, exitCodes } from '../context.ts'
import { type RunFile, readRunFile } from '../gateway.ts'
import { lives } from './alive.ts'

/** Who has a data folder. The lock tells whether somebody has it; the file beside it says who. */
export type Holding =
  | { by: 'nobody' }
  /** It serves, or it is about to, or it is ending. */
  | { by: 'gateway'; run: RunFile }
  /** It works on the files, such as a restore. */
  | { by: 'command'; run: RunFile }
  /** The process that the file names is another one, or cannot be seen from here: it must not be touched. */
  | { by: 'stranger'; run: RunFile | undefined }

// Between taking the lock and saying so lies one write of a file.
const attempts = 20
const attemptMs = 50

/**
 * Who has the data folder now.
 * @throws CommandError if this account may not read what is there
 */
export async function holdingOf(context: Context): Promise<Holding> {
  refuseHidden(context.home)
  // Loaded here, because most commands need no database.
  const { lockHolder } = await import('../../db/sqlite/lock.ts')
  let run: RunFile | undefined
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (lockHolder(context.home) === undefined) return { by: 'nobody' }
    run = readRunFile(context.home)
    // An id alone is not enough to send a signal to.
    if (run?.processStart !== undefined && lives(run)) return { by: run.host === '' ? 'command' : 'gateway', run }
    await setTimeout(attemptMs)
  }
  return { by: 'stranger', run }
}

/**
 * The gateway that has the data folder, so that it can be sent a signal; undefined if nobody has it.
 * @throws CommandError if a command has it, or a process that nobody here knows
 */
export async function runningGateway(context: Context): Promise<RunFile | undefined> {
  refuseElsewhere(context)
  const holding = await holdingOf(context)
  if (holding.by === 'nobody') return undefined
  if (holding.by === 'gateway') return holding.run
  throw new CommandError(inWords(holding, context.home))
}

/** Says who has the data folder, where that is no gateway that could be asked. */
export function inWords(holding: Exclude<Holding, { by: 'nobody' | 'gateway' }>, home: string): string {
  if (holding.by === 'command') {
    const { pid, bootId } = holding.run
    return `No gateway runs on ${home}: process ${pid} works on it (talon ${bootId}). Let it end first.`
  }
  const { run } = holding
  const named = run ? `run/gateway.json names process ${run.pid}, which is not the one` : 'it has not said who it is'
  return `A process has ${home}, but ${named}. Nothing was touched. If it runs in a container or as another account, use that; else find it with: fuser ${join(home, 'run', 'gateway.lock')}`
}

/** A signal reaches processes of this machine only. */
function refuseElsewhere({ env }: Context): void {
  if (!env.TALON_URL) return
  throw new CommandError(
    `TALON_URL names a gateway that is reached over the network (${env.TALON_URL}). Use this command where it runs, or unset TALON_URL.`,
    exitCodes.usage,
  )
}

/** In a folder that may not be read nothing would be found, and that would look like nobody. */
function refuseHidden(home: string): void {
  const folder = join(home, 'run')
  try {
    accessSync(folder, constants.R_OK | constants.X_OK)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) return
    throw new CommandError(`${folder} may not be read. Use the account that the gateway runs under.`)
  }
}
