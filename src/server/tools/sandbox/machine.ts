import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeConfiguration } from './configuration.ts'
import { isProcessor, seccompFilter } from './seccomp.ts'
import { programOf, type System, systemOf } from './system.ts'

/** What this machine has to wall commands in with. */
export interface Machine {
  prlimit: string | undefined
  /** What a full wall needs; a text says what is missing, with the fix. */
  walls: Walls | string
}

export interface Walls {
  bwrap: string
  prlimit: string
  system: System
  /** File with the filter of system calls, opened anew for each command. */
  filter: string
}

const install =
  'Install it: apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora), apk add bubblewrap util-linux-misc (Alpine)'

/** Looks what there is, and writes the files that walls are made of to a folder that no tool can write to. */
export async function prepareMachine(home: string): Promise<Machine> {
  const prlimit = process.platform === 'linux' ? programOf('prlimit') : undefined
  if (process.platform !== 'linux') return { prlimit, walls: 'Commands can be walled in on Linux only.' }
  const bwrap = programOf('bwrap')
  if (bwrap === undefined) return { prlimit, walls: `bubblewrap is not installed. ${install}.` }
  if (prlimit === undefined) return { prlimit, walls: 'prlimit is not installed. Install the package util-linux.' }
  if (!isProcessor(process.arch)) return { prlimit, walls: `There is no filter of system calls for ${process.arch}.` }
  const folder = join(home, 'run', 'sandbox')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const filter = join(folder, 'filter')
  await writeFile(filter, seccompFilter(process.arch), { mode: 0o600 })
  const system = systemOf(await writeConfiguration(join(folder, 'etc')))
  return { prlimit, walls: { bwrap, prlimit, system, filter } }
}
