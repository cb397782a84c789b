import { type FileHandle, opendir } from 'node:fs/promises'
import { confirm, entryOf, type Folder, kindOf, openChild, shownIn } from './workspace.ts'

/** How deep a walk goes; deeper folders are named and not entered. */
export const maxDepth = 32

/** One name that a walk came by. */
export interface Entry {
  name: string
  /** Relative to the workspace. */
  shown: string
  /** `file`, `folder`, `symbolic link` and so on. */
  kind: string
  /** The open folder that it lies in, until the walk goes on. */
  parent: Folder
}

/** How much a walk may still look at, and why it stopped if it did. */
export interface WalkBudget {
  entries: number
  stopped?: string
}

/** What lies in a folder, by name; each folder before what it holds. Links are named, never followed. */
export async function* walk(
  folder: Folder,
  options: { recursive: boolean; budget: WalkBudget; signal: AbortSignal; depth?: number },
): AsyncGenerator<Entry> {
  const { recursive, budget, signal, depth = 1 } = options
  for (const name of await namesIn(folder, budget, signal)) {
    signal.throwIfAborted()
    const stats = await entryOf(folder, name)
    if (!stats) continue // It went away meanwhile.
    const kind = kindOf(stats)
    yield { name, shown: shownIn(folder, name), kind, parent: folder }
    if (kind !== 'folder' || !recursive) continue
    if (depth >= maxDepth) {
      budget.stopped = `folders deeper than ${maxDepth} were not entered`
      continue
    }
    await using child = await openChild(folder, name).catch(() => undefined)
    if (child) yield* walk(child, { ...options, depth: depth + 1 })
  }
}

async function namesIn(folder: Folder, budget: WalkBudget, signal: AbortSignal): Promise<string[]> {
  const names: string[] = []
  // Leaving the loop closes the directory. `withFileTypes` is not asked for: some file systems do not know them.
  for await (const { name } of await opendir(folder.anchor, { bufferSize: 256 })) {
    signal.throwIfAborted()
    if (budget.entries <= 0) {
      budget.stopped = 'there was more than can be looked at'
      break
    }
    budget.entries -= 1
    names.push(name)
  }
  await stillThere(folder.handle, folder)
  return names.sort()
}

/** Without /proc the names were read by path: they count only if that path still is the open folder. */
async function stillThere(handle: FileHandle, folder: Folder): Promise<void> {
  if (folder.anchor === folder.path) await confirm(handle, folder.path, folder)
}
