import { closeSync, openSync, readSync } from 'node:fs'
import { open, readdir, readFile } from 'node:fs/promises'
import { setImmediate, setTimeout } from 'node:timers/promises'

/** Rounds of killing, for processes that fork while they are counted. */
const maxRounds = 20
const roundPauseMs = 25
/** Rows that are read before other work has its turn: about a millisecond. */
const rowsPerTurn = 64
/** Environments that are read at once. */
const maxReading = 16
/** proc_pid_stat(5) is one line of about 50 numbers, and most environments are no longer. */
const roomBytes = 4_096

/** What one start brought forth, and how it is ended. */
export interface Tree {
  /** Asks all of it to end (SIGTERM). */
  terminate(): Promise<void>
  /** Ends all of it at once and returns when there is none left, or none that can be ended. */
  kill(): Promise<void>
  /** Whether all of it ends with its first process, so that its pipes close by themselves. */
  endsWithFirst?: boolean
}

/** The processes that one start brought forth. */
interface Marked {
  /** The first process: leader of its own session and group. */
  pid: number
  /** Marks the environment of all that it starts, so that one which leaves session and group is found too. */
  mark: string
}

/** A tree without a wall: found by parents, session, group and the mark in the environment. */
export function markedTree(marked: Marked): Tree {
  return {
    async terminate() {
      signalAll(marked, await membersOf(marked), 'SIGTERM')
    },
    async kill() {
      for (let round = 0; round < maxRounds; round++) {
        const members = await membersOf(marked)
        const found = signalAll(marked, members, 'SIGKILL')
        if (!found) return
        await setTimeout(roundPauseMs)
      }
    },
  }
}

/** False if there was nothing left to send it to. */
function signalAll(tree: Marked, members: number[], name: 'SIGTERM' | 'SIGKILL'): boolean {
  const group = send(-tree.pid, name)
  const single = members.map(pid => send(pid, name)).includes(true)
  return group || single
}

/** False if it has ended already. */
export function send(pid: number, name: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    process.kill(pid, name)
    return true
  } catch {
    return false
  }
}

/** All that a process started and that still hangs on it, at most about `max`. */
export async function descendantsOf(pid: number, max: number): Promise<number[]> {
  const found: number[] = []
  for (let level = [pid]; level.length > 0 && found.length < max; ) {
    const children = await Promise.all(level.slice(0, max).map(childrenOf))
    level = children.flat()
    found.push(...level)
  }
  return found
}

/** From proc_pid_task_tid_children(5): those of every thread of a process. */
async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const lists = await Promise.all(
    threads.map(thread => readFile(`/proc/${pid}/task/${thread}/children`, 'latin1').catch(() => '')),
  )
  return lists.flatMap(list =>
    list
      .split(' ')
      .filter(word => word !== '')
      .map(Number),
  )
}

export interface ProcessRow {
  pid: number
  parent: number
  group: number
  session: number
  /** When it started, in ticks since the boot: with its number it names one process for ever. */
  startedAt: string
}

/** Living descendants, members of the session, and what carries the mark. Empty where there is no /proc: the group remains. */
async function membersOf({ pid, mark }: Marked): Promise<number[]> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter(name => /^\d+$/.test(name)).map(Number)
  const rows = await rowsOf(pids)
  // The first process is found by its session like the others, so that nobody who gets its number later is taken for it.
  const members = new Set<number>()
  for (let before = -1; before !== members.size; ) {
    before = members.size
    for (const row of rows) {
      if (members.has(row.parent) || row.session === pid || row.group === pid) members.add(row.pid)
    }
  }
  const strays = rows.filter(row => !members.has(row.pid))
  for (let from = 0; from < strays.length; from += maxReading) {
    const some = strays.slice(from, from + maxReading)
    const marked = await Promise.all(some.map(row => carries(row.pid, mark)))
    for (const [at, row] of some.entries()) if (marked[at]) members.add(row.pid)
  }
  return [...members]
}

async function rowsOf(pids: readonly number[]): Promise<ProcessRow[]> {
  const rows: ProcessRow[] = []
  for (const [at, pid] of pids.entries()) {
    if (at % rowsPerTurn === rowsPerTurn - 1) await setImmediate()
    const row = rowOf(pid)
    if (row) rows.push(row)
  }
  return rows
}

/** From proc_pid_stat(5); undefined for a process that is gone or only waits to be collected. */
export function rowOf(pid: number): ProcessRow | undefined {
  const stat = statOf(pid)
  // The name before it stands in brackets and may hold anything, brackets too.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  const [state, parent, group, session] = fields
  if (state === undefined || state === 'Z' || state === 'X') return undefined
  const startedAt = fields[19] ?? ''
  return { pid, parent: Number(parent), group: Number(group), session: Number(session), startedAt }
}

/** At once: the kernel has it in memory and waits for nobody, and it takes a tenth of the time of asking for it. */
function statOf(pid: number): string | undefined {
  try {
    const descriptor = openSync(`/proc/${pid}/stat`, 'r')
    try {
      const room = Buffer.allocUnsafe(roomBytes)
      return room.toString('latin1', 0, readSync(descriptor, room, 0, roomBytes, null))
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return undefined
  }
}

/** Not at once: the kernel may have to wait for the process. */
async function carries(pid: number, mark: string): Promise<boolean> {
  try {
    await using file = await open(`/proc/${pid}/environ`)
    // Of a file without a length Node itself reads 64 KiB at a time, which for all processes of a machine is much.
    const room = Buffer.allocUnsafe(roomBytes)
    let environment = ''
    for (;;) {
      const { bytesRead } = await file.read(room, 0, roomBytes, null)
      if (bytesRead === 0) return environment.split('\0').includes(mark)
      environment += room.toString('latin1', 0, bytesRead)
    }
  } catch {
    return false
  }
}
