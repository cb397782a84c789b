import { mkdir, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { bubblewrapArgs } from './bubblewrap.ts'
import { innerUser } from './configuration.ts'
import { type CommandLimits, prlimitArgs } from './limits.ts'
import type { Machine, Walls } from './machine.ts'
import type { Command, SandboxLevel } from './sandbox.ts'

/** A command as the kernel is asked to run it. */
export interface Plan {
  argv: readonly [string, ...string[]]
  cwd: string
  env: Record<string, string>
  /** Set where it runs in namespaces of its own. */
  walls: Walls | undefined
}

/** Where commands run. */
export interface Ground {
  home: string
  workspace: string
  limits: CommandLimits
}

type Asked = Pick<Command, 'argv' | 'cwd' | 'network' | 'env' | 'readable' | 'readOnly'>

/** Puts walls of this level around a command. The workspace is made if it is missing. */
export async function planOf(level: SandboxLevel, machine: Machine, ground: Ground, command: Asked): Promise<Plan> {
  await mkdir(ground.workspace, { recursive: true, mode: 0o700 })
  if (level !== 'full' || typeof machine.walls === 'string') return openPlan(level, machine, ground, command)
  const [home, workspace, cwd] = await Promise.all([
    realpath(ground.home),
    realpath(ground.workspace),
    realpath(command.cwd),
  ])
  return walledPlan(machine.walls, ground.limits, command, { home, workspace, cwd })
}

/** The same without a look at the file system, for what is only shown. */
export function plannedArgs(level: SandboxLevel, machine: Machine, ground: Ground, command: Asked): string[] {
  if (level !== 'full' || typeof machine.walls === 'string') return [...openPlan(level, machine, ground, command).argv]
  return [...walledPlan(machine.walls, ground.limits, command, { ...ground, cwd: command.cwd }).argv]
}

function walledPlan(
  walls: Walls,
  limits: CommandLimits,
  command: Asked,
  { home, workspace, cwd }: Record<'home' | 'workspace' | 'cwd', string>,
): Plan {
  const { argv, network = false, readable = [], readOnly = false, env } = command
  const view = { home, workspace, cwd, network, readable, readOnly }
  const wall = bubblewrapArgs(walls.bwrap, walls.system, view, limits)
  // Bounds are set from within: outside, all processes of the account would count.
  return {
    argv: [...wall, ...prlimitArgs(walls.prlimit, limits, { processes: true }), ...argv],
    cwd: '/',
    env: { ...ownEnvironment(walls.system.path, '/tmp'), TMPDIR: '/tmp', ...env },
    walls,
  }
}

function openPlan(level: SandboxLevel, { prlimit }: Machine, { limits, workspace }: Ground, command: Asked): Plan {
  const { argv, cwd, env } = command
  const bounded =
    level !== 'off' && prlimit !== undefined ? prlimitArgs(prlimit, limits, { processes: false }) : undefined
  return {
    argv: bounded ? [...bounded, ...argv] : argv,
    cwd,
    env: { ...ownEnvironment(`${openPath}:${dirname(process.execPath)}`, workspace), ...env },
    walls: undefined,
  }
}

const openPath = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin'

/** All that a command is told; nothing of the gateway's own environment is among it. */
function ownEnvironment(path: string, home: string): Record<string, string> {
  return { PATH: path, HOME: home, LANG: 'C.UTF-8', USER: innerUser.name, SHELL: '/bin/sh', TERM: 'dumb' }
}
