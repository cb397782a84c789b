import { readFile, statfs } from 'node:fs/promises'
import type { Stop } from '../child.ts'
import { descendantsOf } from '../processTree.ts'
import type { CommandLimits } from './limits.ts'

/** Time between two looks at a command that has just begun; most end before the first. */
const firstGapMs = 100
/** Later: what has behaved for so long may be looked at less often. */
const laterGapMs = 500
const laterAfterMs = 10_000
const kibibyte = 1_024

/** A command that runs, and what ends it. */
export interface Watched {
  /** The process that all others of it descend from; undefined if there is none. */
  first(): Promise<number | undefined>
  limits: CommandLimits
  halt(stop: Stop): void
}

/** Looks after what the kernel counts for single processes only: how many there are, and the memory of all. */
export interface Watch {
  /** Begins looking at a command; the returned function ends that. */
  add(watched: Watched): () => void
}

/** The disk that commands write to: they are ended before the gateway could store nothing more on it. */
export interface Disk {
  folder: string
  keepFreeBytes: number
}

export function createWatch(disk: Disk): Watch {
  return {
    add(watched) {
      let ended = false
      let elapsedMs = 0
      const look = async () => {
        const stop = (await excessOf(watched)) ?? (await fullness(disk))
        if (ended) return
        if (stop === undefined) wait()
        else watched.halt(stop)
      }
      const wait = () => {
        const gapMs = elapsedMs < laterAfterMs ? firstGapMs : laterGapMs
        elapsedMs += gapMs
        timer = setTimeout(look, gapMs)
      }
      let timer: NodeJS.Timeout | undefined
      wait()
      return () => {
        ended = true
        clearTimeout(timer)
      }
    },
  }
}

async function excessOf({ first, limits }: Watched): Promise<Stop | undefined> {
  const root = await first()
  if (root === undefined) return undefined
  const members = [root, ...(await descendantsOf(root, limits.processes + 1))]
  const uses = await Promise.all(members.map(useOf))
  const threads = uses.reduce((sum, use) => sum + use.threads, 0)
  if (threads > limits.processes) {
    return { by: 'processes', reason: `It started more than ${limits.processes} processes (sandbox.processes).` }
  }
  const bytes = uses.reduce((sum, use) => sum + use.bytes, 0)
  if (bytes <= limits.memoryBytes) return undefined
  const megabytes = limits.memoryBytes / kibibyte ** 2
  return { by: 'memory', reason: `It used more than ${megabytes} MB of memory (sandbox.memoryMegabytes).` }
}

/** From proc_pid_status(5): memory that belongs to nobody else, and threads. */
async function useOf(pid: number): Promise<{ bytes: number; threads: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '')
  const figure = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? 0)
  return { bytes: (figure('RssAnon') + figure('RssShmem')) * kibibyte, threads: figure('Threads') }
}

async function fullness({ folder, keepFreeBytes }: Disk): Promise<Stop | undefined> {
  const figures = await statfs(folder).catch(() => undefined)
  if (!figures || figures.bavail * figures.bsize >= keepFreeBytes) return undefined
  const megabytes = Math.ceil(keepFreeBytes / kibibyte ** 2)
  return { by: 'disk', reason: `The disk of the workspace has less than ${megabytes} MB left.` }
}
