import { readdir, readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'

/** Rounds of killing, for processes that fork while they are counted. */
const maxRounds = 20
const roundPauseMs = 25

/** The processes that one start brought forth. */
export interface Tree {
  /** The first process: leader of its own session and group. */
  pid: number
  /** Marks the environment of all that it starts, so that one which leaves session and group is found too. */
  mark: string
}

/** Asks all processes of a tree to end (SIGTERM). */
export async function terminate(tree: Tree): Promise<void> {
  signalAll(tree, await membersOf(tree), 'SIGTERM')
}

/** Ends all processes of a tree at once and returns when there are none, or none that can be ended. */
export async function kill(tree: Tree): Promise<void> {
  for (let round = 0; round < maxRounds; round++) {
    const members = await membersOf(tree)
    const found = signalAll(tree, members, 'SIGKILL')
    if (!found) return
    await setTimeout(roundPauseMs)
  }
}

/** False if there was nothing left to send it to. */
function signalAll(tree: Tree, members: number[], name: 'SIGTERM' | 'SIGKILL'): boolean {
  const group = send(-tree.pid, name)
  const single = members.map(pid => send(pid, name)).includes(true)
  return group || single
}

function send(pid: number, name: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    process.kill(pid, name)
    return true
  } catch {
    return false // It has ended already.
  }
}

interface ProcessRow {
  pid: number
  parent: number
  group: number
  session: number
}

/** Living descendants, members of the session, and what carries the mark. Empty where there is no /proc: the group remains. */
async function membersOf({ pid, mark }: Tree): Promise<number[]> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter(name => /^\d+$/.test(name)).map(Number)
  const rows = (await Promise.all(pids.map(rowOf))).filter(row => row !== undefined)
  // The first process is found by its session like the others, so that nobody who gets its number later is taken for it.
  const members = new Set<number>()
  for (let before = -1; before !== members.size; ) {
    before = members.size
    for (const row of rows) {
      if (members.has(row.parent) || row.session === pid || row.group === pid) members.add(row.pid)
    }
  }
  const strays = rows.filter(row => !members.has(row.pid))
  const marked = await Promise.all(strays.map(row => carries(row.pid, mark)))
  for (const [at, row] of strays.entries()) if (marked[at]) members.add(row.pid)
  return [...members]
}

/** From proc_pid_stat(5); undefined for a process that is gone or only waits to be collected. */
async function rowOf(pid: number): Promise<ProcessRow | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The name before it stands in brackets and may hold anything, brackets too.
  const [state, parent, group, session] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  if (state === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, parent: Number(parent), group: Number(group), session: Number(session) }
}

async function carries(pid: number, mark: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
  return environment.split('\0').includes(mark)
}
