import { readFileSync } from 'node:fs'
import { url as inspectorUrl } from 'node:inspector'
import { homedir } from 'node:os'
import { sqliteVersion } from '../../db/sqlite/sqlite-version.ts'

/** What a report needs of the machine and of the process that makes it. */
export interface Machine {
  platform: string
  nodeVersion: string
  sqliteVersion: string
  /** Account that this process runs under; undefined where there are none. */
  userId: number | undefined
  /** Whether that is root. */
  root: boolean
  /** The folder of that account. */
  accountHome: string
  /** Folder of the units of the whole machine. */
  systemUnits: string
  /** Which system this is, as os-release(5) has it. */
  osRelease: string
  /** Address at which a debugger may enter this process; undefined if none may. */
  debugger: string | undefined
  /** Files that a process may have open at once; undefined where that cannot be found out. */
  openFiles(pid: number): number | undefined
  /** The first port that every account may listen on. */
  firstFreePort: number
}

const wellKnownPorts = 1_024

export function thisMachine(): Machine {
  const userId = process.getuid?.()
  return {
    platform: process.platform,
    nodeVersion: process.versions.node,
    sqliteVersion: sqliteVersion(),
    userId,
    root: userId === 0,
    accountHome: homedir(),
    systemUnits: '/etc/systemd/system',
    osRelease: textOf('/etc/os-release'),
    debugger: inspectorUrl(),
    openFiles: openFilesOf,
    firstFreePort: firstFreePort(),
  }
}

/** The line of proc(5): "Max open files            1024                 524288               files". */
function openFilesOf(pid: number): number | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(textOf(`/proc/${pid}/limits`))?.[1]
  if (soft === undefined) return undefined
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}

function firstFreePort(): number {
  const text = textOf('/proc/sys/net/ipv4/ip_unprivileged_port_start').trim()
  return /^\d+$/.test(text) ? Number(text) : wellKnownPorts
}

/** Empty where there is no such file, as on other systems. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
