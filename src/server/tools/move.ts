import { linkSync, lstatSync, mkdirSync, renameSync, rmdirSync, type Stats, unlinkSync } from 'node:fs'
import { TalonError } from '../../protocol/errors.ts'
import { fileError } from './fileError.ts'
import { copyTree, removeTree, type Spot } from './tree.ts'
import { at, confirm, entryOf, kindOf } from './workspace.ts'

export interface MoveOptions {
  newId: () => string
  signal: AbortSignal
}

// What file systems say that have no hard links, or that do not let this account make one to a file of another.
const linkless = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS', 'EACCES'])

/**
 * Moves a file or a folder to a name that is free, to another file system by a copy. It never takes the place of
 * anything: a name that is taken is a `CONFLICT`, however late that is found.
 * @throws TalonError that names the end which is wrong
 */
export async function moveEntry(from: Spot, to: Spot, options: MoveOptions): Promise<void> {
  const stats = await entryOf(from.parent, from.name)
  const kind = stats && kindOf(stats)
  if (kind !== 'file' && kind !== 'folder') {
    throw new TalonError('CONFLICT', `${JSON.stringify(from.shown)} is no longer what it was.`)
  }
  options.signal.throwIfAborted()
  for (const { parent } of [from, to]) await confirm(parent.handle, parent.path, parent)
  try {
    place(from, to, kind)
  } catch (error) {
    if (codeOf(error) !== 'EXDEV') throw inWords(error, from, to)
    await moveFar(from, to, kind, options)
  }
}

// Nothing else of the gateway comes between these calls; that is why they do not wait.
function place(from: Spot, to: Spot, kind: 'file' | 'folder'): void {
  if (kind === 'folder') return placeFolder(at(from.parent, from.name), at(to.parent, to.name))
  try {
    placeFile(at(from.parent, from.name), at(to.parent, to.name))
  } catch (error) {
    if (!linkless.has(codeOf(error))) throw error
    renameToFree(at(from.parent, from.name), at(to.parent, to.name))
  }
}

/** A second name and then one less: the kernel refuses a name that is taken, which `rename` would replace. */
function placeFile(source: string, target: string): void {
  linkSync(source, target)
  try {
    if (!isSame(lstatSync(source), lstatSync(target))) throw new TalonError('CONFLICT', 'It was swapped meanwhile.')
    unlinkSync(source)
  } catch (error) {
    unlinkSync(target)
    throw error
  }
}

/** An empty folder takes the name, and only an empty folder is replaced. */
function placeFolder(source: string, target: string): void {
  mkdirSync(target, { mode: 0o700 })
  try {
    renameSync(source, target)
  } catch (error) {
    rmdirSync(target)
    throw error
  }
}

function renameToFree(source: string, target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false })) throw Object.assign(new Error('taken'), { code: 'EEXIST' })
  renameSync(source, target)
}

/** By way of names that nobody knows, so that neither end is ever seen half done. */
async function moveFar(from: Spot, to: Spot, kind: 'file' | 'folder', options: MoveOptions): Promise<void> {
  const name = `.talon-${options.newId()}.tmp`
  const taken: Spot = { ...from, name }
  const draft: Spot = { ...to, name }
  try {
    renameSync(at(from.parent, from.name), at(taken.parent, taken.name))
  } catch (error) {
    throw inWords(error, from, to)
  }
  try {
    await copyTree(taken, draft, options.signal)
    options.signal.throwIfAborted()
    place(draft, to, kind)
  } catch (error) {
    await removeTree(draft).catch(() => {})
    renameToFree(at(taken.parent, taken.name), at(from.parent, from.name))
    throw inWords(error, from, to)
  }
  await removeTree(taken)
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev && one.isFile()
}

function inWords(error: unknown, from: Spot, to: Spot): unknown {
  if (error instanceof TalonError) return error
  const code = codeOf(error)
  if (code === 'EINVAL') {
    return new TalonError('INVALID_MESSAGE', `${JSON.stringify(from.shown)} cannot be moved into itself.`)
  }
  const isTarget = ['EEXIST', 'ENOTEMPTY', 'ENOSPC', 'EDQUOT', 'EROFS', 'ENAMETOOLONG'].includes(code)
  return fileError(error, isTarget ? to.shown : from.shown)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
