import { constants } from 'node:fs'
import { mkdir, opendir, readlink, rmdir, symlink, unlink } from 'node:fs/promises'
import { TalonError } from '../../protocol/errors.ts'
import { fileError } from './fileError.ts'
import { chunksOf } from './text.ts'
import { walk } from './walk.ts'
import { at, entryOf, type Folder, kindOf, openChild, openFile, shownIn } from './workspace.ts'

/** Names in a folder that is moved or deleted as one. */
const maxEntries = 100_000
const maxDepth = 64

/** One name in an open folder. */
export interface Spot {
  parent: Folder
  name: string
  /** As people see it. */
  shown: string
}

/** What lies under a name, all that is in it counted. */
export interface Extent {
  kind: 'file' | 'folder'
  files: number
  bytes: number
}

/**
 * How much lies under a name.
 * @throws TalonError `NOT_FOUND`; `TOO_LARGE` for a folder with more in it than can be looked at; what refuses a link
 */
export async function extentOf({ parent, name, shown }: Spot, signal: AbortSignal): Promise<Extent> {
  const stats = await entryOf(parent, name)
  if (!stats) throw new TalonError('NOT_FOUND', `${JSON.stringify(shown)} does not exist. file_list shows what does.`)
  const kind = kindOf(stats)
  if (kind === 'file') return { kind, files: 1, bytes: stats.size }
  if (kind !== 'folder') throw notMoved(shown, kind)
  await using folder = await openChild(parent, name)
  const extent: Extent = { kind, files: 0, bytes: 0 }
  const budget: { entries: number; stopped?: string } = { entries: maxEntries }
  for await (const entry of walk(folder, { recursive: true, budget, signal })) {
    if (entry.kind !== 'file') continue
    extent.files += 1
    extent.bytes += (await entryOf(entry.parent, entry.name))?.size ?? 0
  }
  if (budget.stopped === undefined) return extent
  throw new TalonError('TOO_LARGE', `${JSON.stringify(shown)} is too much to be taken as one: ${budget.stopped}.`)
}

/** Copies a file or a folder, links as links, to a name that is free. What it began it leaves if it fails. */
export async function copyTree(from: Spot, to: Spot, signal: AbortSignal, depth = 0): Promise<void> {
  signal.throwIfAborted()
  const stats = await entryOf(from.parent, from.name)
  if (!stats) return // It went away meanwhile.
  if (stats.isSymbolicLink()) {
    await symlink(await readlink(at(from.parent, from.name)), at(to.parent, to.name))
  } else if (stats.isFile()) {
    await copyFile(from, to, signal)
  } else if (stats.isDirectory()) {
    if (depth > maxDepth) throw new TalonError('TOO_LARGE', `${JSON.stringify(from.shown)} lies too deep.`)
    await mkdir(at(to.parent, to.name), { mode: 0o700 })
    await using source = await openChild(from.parent, from.name)
    await using target = await openChild(to.parent, to.name)
    for (const name of await namesIn(source)) {
      await copyTree(spotIn(source, name), spotIn(target, name), signal, depth + 1)
    }
    await target.handle.chmod(stats.mode & 0o777)
  } else {
    throw notMoved(from.shown, kindOf(stats))
  }
}

/** Removes a file, a link or a folder with all that is in it. No link is followed. */
export async function removeTree({ parent, name, shown }: Spot): Promise<void> {
  const stats = await entryOf(parent, name)
  if (!stats) return
  try {
    if (!stats.isDirectory()) return await unlink(at(parent, name))
    {
      await using folder = await openChild(parent, name)
      for (const inner of await namesIn(folder)) await removeTree(spotIn(folder, inner))
    }
    await rmdir(at(parent, name))
  } catch (error) {
    throw fileError(error, shown)
  }
}

async function copyFile(from: Spot, to: Spot, signal: AbortSignal): Promise<void> {
  await using source = await openFile(from.parent, from.name, constants.O_RDONLY)
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  await using target = await openFile(to.parent, to.name, flags)
  for await (const chunk of chunksOf(source, signal)) await target.appendFile(chunk)
  const { mode, atime, mtime } = await source.stat()
  await target.chmod(mode & 0o777)
  await target.utimes(atime, mtime)
  await target.datasync()
}

async function namesIn(folder: Folder): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of await opendir(folder.anchor, { bufferSize: 256 })) names.push(name)
  return names
}

function spotIn(parent: Folder, name: string): Spot {
  return { parent, name, shown: shownIn(parent, name) }
}

function notMoved(shown: string, kind: string): TalonError {
  const code = kind === 'symbolic link' ? 'FORBIDDEN' : 'INVALID_MESSAGE'
  return new TalonError(code, `${JSON.stringify(shown)} is a ${kind}; only files and folders are moved or deleted.`)
}
