import type { Stats } from 'node:fs'
import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readlink, realpath, stat } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { TalonError } from '../../protocol/errors.ts'
import { fileError } from './fileError.ts'
import { segmentsOf } from './path.ts'

/*
 * The jail of the file tools. A path is never handed to the kernel as a whole: each folder is opened by its one name
 * below the folder that is open already, and no step follows a link, so that nothing which is swapped between a check
 * and its use can lead outside. What was opened is then asked where it lies. Links inside the workspace are refused
 * too: one rule that holds is worth more than `node_modules/.bin`.
 */

/** An open folder of the workspace. */
export interface Folder extends AsyncDisposable {
  handle: FileHandle
  /** Where it was found, an absolute path; for messages and for systems without /proc. */
  path: string
  /** The real path of the workspace, or of the other root that it lies in. */
  root: string
  /** What stands before its paths in messages: nothing for the workspace, the path of any other root. */
  label: string
  /** What stands before `/name` in a call: the descriptor itself where the kernel lets us name it. */
  anchor: string
}

/** A path of the workspace as it was asked for. */
export interface Place {
  /** Names from the workspace down. */
  segments: string[]
  /** Relative to the workspace, `.` for itself. */
  shown: string
}

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK
// Opening a FIFO without O_NONBLOCK would wait for its other end for ever.
const fileFlags = constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY

/**
 * Opens the workspace and makes it if it is missing. `descriptors: false` does without /proc, as on systems that have
 * none; there a swap of a parent folder is found after the open, by comparing the file with its path.
 */
export async function openWorkspace(path: string, options = { descriptors: true }): Promise<Folder> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const root = await realpath(path)
  const handle = await open(root, constants.O_RDONLY | constants.O_DIRECTORY)
  const descriptor = `/proc/self/fd/${handle.fd}`
  const named = options.descriptors && (await readlink(descriptor).catch(() => undefined)) === root
  return asFolder(handle, root, { root, label: '' }, named)
}

/**
 * Opens a folder beside the workspace that tools may use too.
 * @param root its real path; what has taken its place meanwhile is not opened
 * @throws TalonError that says why it cannot be used
 */
export async function openRoot(root: string): Promise<Folder> {
  const handle = await open(root, folderFlags).catch(error => Promise.reject(fileError(error, root)))
  const named = (await readlink(`/proc/self/fd/${handle.fd}`).catch(() => undefined)) === root
  const folder = asFolder(handle, root, { root, label: root }, named)
  await closingOnError(handle, () => confirm(handle, root, folder))
  return folder
}

/** Where a path leads, by its text alone. @throws TalonError `FORBIDDEN` if that is outside */
export function locate(path: string, workspace: string, root: string): Place {
  const segments = segmentsOf(path, [root, resolve(workspace)])
  return { segments, shown: segments.join('/') || '.' }
}

/** Opens the folder that these names lead to; `create` makes those that are missing (0700). The caller closes it. */
export async function openFolder(root: Folder, segments: readonly string[], create = false): Promise<Folder> {
  let folder = await reopen(root)
  for (const name of segments) {
    await using parent = folder
    if (create) await mkdir(at(parent, name), { mode: 0o700 }).catch(ignoreExisting(parent, name))
    folder = await openChild(parent, name)
  }
  return folder
}

/** Opens one folder below another. @throws TalonError if there is none, or a link */
export async function openChild(parent: Folder, name: string): Promise<Folder> {
  const handle = await open(at(parent, name), folderFlags).catch(error => explain(error, parent, name, 'folder'))
  const path = join(parent.path, name)
  await closingOnError(handle, () => confirm(handle, path, parent))
  return asFolder(handle, path, parent, isNamed(parent))
}

/** Opens a regular file below a folder, and nothing else. @throws TalonError that names what it is instead */
export async function openFile(parent: Folder, name: string, flags: number, mode = 0o600): Promise<FileHandle> {
  // Opening a device can have effects; this look is courtesy, the check of what was opened is below.
  const before = await entryOf(parent, name)
  if (before) refuseUnlessFile(before, shownIn(parent, name))
  const handle = await open(at(parent, name), flags | fileFlags, mode).catch(error =>
    explain(error, parent, name, 'file'),
  )
  await closingOnError(handle, async () => {
    refuseUnlessFile(await handle.stat(), shownIn(parent, name))
    await confirm(handle, join(parent.path, name), parent)
  })
  return handle
}

/** What lies under a name, the link itself if it is one; undefined if nothing does. */
export async function entryOf(parent: Folder, name: string): Promise<Stats | undefined> {
  try {
    return await lstat(at(parent, name))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw fileError(error, shownIn(parent, name))
  }
}

/** A name below an open folder, as calls of the file system take it. */
export function at(parent: Folder, name: string): string {
  return `${parent.anchor}/${name}`
}

/** A name below a folder as people see it: relative to the workspace, or absolute in another root. */
export function shownIn(parent: Folder, name: string): string {
  return shownPath(parent, join(parent.path, name))
}

/** Asks the system where what is open lies now. @throws TalonError `FORBIDDEN` unless that is in the workspace */
export async function confirm(handle: FileHandle, path: string, near: Omit<Folder, 'path'>): Promise<void> {
  const found = isNamed(near) ? await readlink(`/proc/self/fd/${handle.fd}`) : await samePath(handle, path)
  if (found !== undefined && isWithin(near.root, found)) return
  throw new TalonError('FORBIDDEN', `${JSON.stringify(shownPath(near, path))} moved out of the workspace meanwhile.`)
}

/** @throws TalonError that names what it is, unless it is a regular file */
export function refuseUnlessFile(stats: Stats, shown: string): void {
  const kind = kindOf(stats)
  if (kind === 'file') return
  const advice =
    kind === 'folder' ? ' Use file_list for folders.' : kind === 'symbolic link' ? ' Links are not followed.' : ''
  const code = kind === 'symbolic link' ? 'FORBIDDEN' : 'INVALID_MESSAGE'
  throw new TalonError(code, `${JSON.stringify(shown)} is a ${kind}, not a regular file.${advice}`)
}

export function kindOf(
  stats: Pick<Stats, 'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isFIFO' | 'isSocket'>,
): string {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'folder'
  if (stats.isSymbolicLink()) return 'symbolic link'
  if (stats.isFIFO()) return 'FIFO'
  return stats.isSocket() ? 'socket' : 'device'
}

async function closingOnError(handle: FileHandle, check: () => Promise<void>): Promise<void> {
  try {
    await check()
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function reopen(folder: Folder): Promise<Folder> {
  const handle = await open(folder.anchor, constants.O_RDONLY | constants.O_DIRECTORY)
  return asFolder(handle, folder.path, folder, isNamed(folder))
}

function asFolder(
  handle: FileHandle,
  path: string,
  { root, label }: Pick<Folder, 'root' | 'label'>,
  named: boolean,
): Folder {
  const anchor = named ? `/proc/self/fd/${handle.fd}` : path
  return { handle, path, root, label, anchor, [Symbol.asyncDispose]: () => handle.close() }
}

function shownPath({ root, label }: Pick<Folder, 'root' | 'label'>, path: string): string {
  return join(label, relative(root, path))
}

function isNamed(folder: Pick<Folder, 'root' | 'anchor'>): boolean {
  return folder.anchor.startsWith('/proc/self/fd/')
}

/** The real path of a file, if the file under it is the one that is open. */
async function samePath(handle: FileHandle, path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path)
    const [opened, found] = await Promise.all([handle.stat({ bigint: true }), stat(real, { bigint: true })])
    return opened.ino === found.ino && opened.dev === found.dev ? real : undefined
  } catch {
    return undefined
  }
}

function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)
}

function ignoreExisting(parent: Folder, name: string): (error: unknown) => void {
  return error => {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return
    throw fileError(error, shownIn(parent, name))
  }
}

/** Finds better words than the error code has: a link and a file in place of a folder both say ENOTDIR. */
async function explain(error: unknown, parent: Folder, name: string, wanted: 'file' | 'folder'): Promise<never> {
  const shown = shownIn(parent, name)
  const entry = await entryOf(parent, name).catch(() => undefined)
  if (entry?.isSymbolicLink()) refuseUnlessFile(entry, shown)
  if (entry && wanted === 'folder' && !entry.isDirectory()) {
    throw new TalonError('INVALID_MESSAGE', `${JSON.stringify(shown)} is a ${kindOf(entry)}, not a folder.`)
  }
  throw fileError(error, shown)
}
