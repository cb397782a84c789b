import { sep } from 'node:path'
import { innerUser } from './configuration.ts'
import type { CommandLimits } from './limits.ts'
import type { System } from './system.ts'

/** Where bubblewrap finds the filter, and where it says what it started. */
export interface Descriptors {
  filter: string | undefined
  note: string | undefined
}

const ofCommands: Descriptors = { filter: '3', note: '4' }

/** What a command sees, beside the system. All paths are real ones. */
export interface View {
  /** Undefined for a program that has none. */
  workspace: string | undefined
  readOnly: boolean
  /** For a program that makes namespaces of its own. Never where the gateway runs as root. */
  writableProc?: boolean
  cwd: string
  network: boolean
  readable: readonly string[]
  /** The data folder: nothing of it is seen but what is named above. */
  home: string
}

/** Begins the command line of a command that sees only this. */
export function bubblewrapArgs(
  bwrap: string,
  system: System,
  view: View,
  limits: CommandLimits,
  { filter, note }: Descriptors = ofCommands,
): [string, ...string[]] {
  const half = `${Math.floor(limits.memoryBytes / 2)}`
  return [
    bwrap,
    ...['--unshare-all', ...(view.network ? ['--share-net'] : []), '--die-with-parent', '--new-session'],
    ...['--cap-drop', 'ALL', '--uid', `${innerUser.id}`, '--gid', `${innerUser.id}`, '--hostname', innerUser.name],
    ...(filter === undefined ? [] : ['--seccomp', filter]),
    ...(note === undefined ? [] : ['--info-fd', note]),
    ...system.binds,
    ...(view.network ? system.networkBinds : []),
    // Root may write to files in /proc/sys without any capability, and to be root outside is enough for that.
    ...['--proc', '/proc', ...(view.writableProc ? [] : ['--remount-ro', '/proc'])],
    ...['--dev', '/dev', '--size', half, '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
    ...['--size', half, '--tmpfs', '/tmp'],
    // After /tmp, because an installation may lie there.
    ...system.programBinds,
    ...maskOf(system, view.home),
    ...view.readable.flatMap(path => ['--ro-bind', path, path]),
    ...workspaceOf(view),
    ...['--remount-ro', '/', '--chdir', view.cwd, '--'],
  ]
}

function workspaceOf({ workspace, readOnly }: View): string[] {
  return workspace === undefined ? [] : [readOnly ? '--ro-bind' : '--bind', workspace, workspace]
}

/** Where the data folder lies in a part of the system that is shown, an empty folder is shown instead. */
function maskOf({ shown }: System, home: string): string[] {
  const isShown = shown.some(folder => home === folder || home.startsWith(`${folder}${sep}`))
  return isShown ? ['--tmpfs', home] : []
}
