import { constants, lstatSync, renameSync, type Stats } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { TalonError } from '../../protocol/errors.ts'
import { fileError } from './fileError.ts'
import type { Spot } from './tree.ts'
import { at, confirm, openFile } from './workspace.ts'

/** What a file was when it was read. */
export type Version = Pick<Stats, 'ino' | 'size' | 'mtimeMs' | 'ctimeMs'>

export interface Draft {
  content: string
  /** Permissions that the file gets; those of a new file if absent. Setuid is never kept: the content is another. */
  mode?: number | undefined
  /** What is replaced; anything else in its place, or a change to it meanwhile, is a `CONFLICT`. */
  replaces?: Version | undefined
}

/** Writes beside a file and puts it in its place, so that a reader or a crash sees the old text or the new one. */
export async function replaceFile(
  { parent, name, shown }: Spot,
  { content, mode, replaces }: Draft,
  { newId, signal }: { newId: () => string; signal: AbortSignal },
): Promise<void> {
  const draft = `.talon-${newId()}.tmp`
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  await using handle = await openFile(parent, draft, flags).catch(error => Promise.reject(fileError(error, shown)))
  try {
    await handle.writeFile(content, { signal })
    if (mode !== undefined) await handle.chmod(mode & 0o777)
    await handle.datasync()
    signal.throwIfAborted()
    await confirm(parent.handle, parent.path, parent)
    // These two do not wait, so that of two edits at once the later one is told of the other.
    if (replaces) refuseUnlessSame(replaces, lstatSync(at(parent, name), { throwIfNoEntry: false }), shown)
    renameSync(at(parent, draft), at(parent, name))
  } catch (error) {
    await unlink(at(parent, draft)).catch(() => {})
    throw fileError(error, shown)
  }
}

function refuseUnlessSame(before: Version, now: Version | undefined, shown: string): void {
  const fields = ['ino', 'size', 'mtimeMs', 'ctimeMs'] as const
  if (now && fields.every(field => before[field] === now[field])) return
  throw new TalonError('CONFLICT', `${JSON.stringify(shown)} was changed meanwhile. Read it again.`)
}
