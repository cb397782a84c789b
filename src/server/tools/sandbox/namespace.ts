import type { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import type { Started } from '../child.ts'
import { descendantsOf, type ProcessRow, rowOf, send, type Tree } from '../processTree.ts'

/** The note of bubblewrap about what it started has less. */
const maxNoteBytes = 4_096
/** Processes that are asked to end before everything is killed. */
const maxAsked = 1_000
/** Waits for the kernel to end what it was told to kill, each twice as long as the one before. */
const firstPauseMs = 1
const maxPauses = 11

/** The processes of one sandbox. Its first one ends with bubblewrap, and all others with that: the kernel sees to it. */
export interface NamespaceTree extends Tree {
  /** The number of its first process; undefined if it did not come so far. */
  first(): Promise<number | undefined>
}

/** The tree of a bubblewrap that was given `--info-fd 4`. */
export function namespaceTree({ pid, notes }: Started): NamespaceTree {
  const inside = firstOf(notes).then(found => (found === undefined ? undefined : rowOf(found)))
  const outside = rowOf(pid)
  return {
    first: async () => (await inside)?.pid,
    endsWithFirst: true,
    async terminate() {
      const first = await inside
      // The first process hears nothing but SIGKILL, and bubblewrap itself would take everything with it.
      const asked = first ? await descendantsOf(first.pid, maxAsked) : [pid]
      for (const member of asked) send(member, 'SIGTERM')
    },
    async kill() {
      for (const row of [await inside, outside]) if (row) await killOne(row)
    },
  }
}

async function killOne(row: ProcessRow): Promise<void> {
  for (let pause = 0; pause < maxPauses; pause++) {
    if (rowOf(row.pid)?.startedAt !== row.startedAt) return
    send(row.pid, 'SIGKILL')
    await setTimeout(firstPauseMs * 2 ** pause)
  }
}

async function firstOf(notes: Readable | undefined): Promise<number | undefined> {
  let text = ''
  try {
    for await (const chunk of notes ?? []) if (text.length < maxNoteBytes) text += chunk
  } catch {
    return undefined // It was ended before it had said it all.
  }
  const found = /"child-pid":\s*(\d+)/.exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}
