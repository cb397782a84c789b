import { realpath } from 'node:fs/promises'
import { bubblewrapArgs } from './bubblewrap.ts'
import { innerUser } from './configuration.ts'
import { type CommandLimits, prlimitArgs } from './limits.ts'
import type { Machine, Walls } from './machine.ts'
import type { SandboxLevel } from './sandbox.ts'

/** A program that somebody else starts and speaks to on descriptors 3 and 4, and that has no place to write to. */
export interface Program {
  /** What starts it and is not held to its limits, ready to take its command line as further arguments. */
  starter: readonly string[]
  argv: readonly [string, ...string[]]
  /** Files and folders that it may read beside the system, absolute paths that exist. */
  readable: readonly string[]
  /** Of each of its processes. */
  limits: CommandLimits
  /**
   * Whether the filter of system calls is put on it, and /proc is read-only: a program that makes walls of its own needs
   * what that refuses. Never false where the gateway runs as root.
   */
  filtered: boolean
}

/** A program as it is to be started. */
export interface Enclosed {
  argv: [string, ...string[]]
  env: Record<string, string>
}

/** Hands the filter over as descriptor 5, because 3 and 4 are taken, and becomes bubblewrap. */
const withFilter = 'filter=$1; shift; exec "$@" 5<"$filter"'
const filterDescriptor = '5'

/** The program behind a full wall, without any network; undefined where there is no such wall. */
export async function enclose(
  level: SandboxLevel,
  { walls }: Machine,
  home: string,
  program: Program,
): Promise<Enclosed | undefined> {
  if (level !== 'full' || typeof walls === 'string') return undefined
  if (!program.filtered && process.getuid?.() === 0) return undefined
  const argv = [
    ...wallOf(walls, await realpath(home), program),
    ...program.starter,
    ...prlimitArgs(walls.prlimit, program.limits, { processes: true }),
    ...program.argv,
  ]
  const env = { PATH: walls.system.path, HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', USER: innerUser.name }
  return { argv: ['/bin/sh', '-c', withFilter, 'sh', program.filtered ? walls.filter : '/dev/null', ...argv], env }
}

function wallOf({ bwrap, system }: Walls, home: string, { readable, limits, filtered }: Program): string[] {
  const view = {
    home,
    cwd: '/tmp',
    network: false,
    readable,
    readOnly: true,
    writableProc: !filtered,
    workspace: undefined,
  }
  const filter = filtered ? filterDescriptor : undefined
  return bubblewrapArgs(bwrap, system, view, limits, { filter, note: undefined })
}
