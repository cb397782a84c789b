import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A disk in memory, mounted where only the processes that enter it see it. */
export interface SmallDisk {
  /** Its folder, for processes within. */
  folder: string
  /** Begins the command line of a process that enters it; the process keeps its id and hears its signals. */
  enter: readonly string[]
  /** The name under which this process sees a file on it. */
  outside(path: string): string
  /** Ends it, with all that is on it. */
  close(): Promise<void>
}

/** Why no disk can be mounted here; undefined if one can. */
export function whyNoSmallDisk(): string | undefined {
  const tried = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'talon', tmpdir()], {
    encoding: 'utf8',
  })
  if (tried.status === 0) return undefined
  return `no disk can be mounted here: ${tried.error?.message ?? tried.stderr.trim()}`
}

/** Mounts a disk of this size; a process that only waits keeps it. */
export async function openSmallDisk(megabytes: number): Promise<SmallDisk> {
  const folder = mkdtempSync(join(tmpdir(), 'talon-disk-'))
  const script = `mount -t tmpfs -o size=${megabytes}m,mode=700 talon "$1" && echo mounted && exec cat`
  const holder = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(holder, 'exit')
  const mounted = once(holder.stdout, 'data')
  await Promise.race([
    mounted,
    exited.then(([code]) => {
      throw new Error(`The disk was not mounted: ${code}`)
    }),
  ])
  return {
    folder,
    enter: ['nsenter', '--mount', '--target', `${holder.pid}`],
    outside: path => join('/proc', `${holder.pid}`, 'root', path),
    async close() {
      holder.stdin.end()
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
