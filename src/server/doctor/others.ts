import { realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'

const bits = { read: 0o044, write: 0o022 } as const
const search = 0o011

/**
 * Whether accounts beside the owner (and root) can read or write a file or folder: by its own mode, and by that of every
 * folder on the way to it. False where there is none. Lists of access beyond the mode are not looked at.
 */
export function othersMay(what: keyof typeof bits, path: string): boolean {
  const stat = statOf(path)
  if (!stat || (stat.mode & bits[what]) === 0) return false
  let folder = dirname(realpathSync(path))
  for (;;) {
    if (((statOf(folder)?.mode ?? 0) & search) === 0) return false
    if (folder === dirname(folder)) return true
    folder = dirname(folder)
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    // What we may not look at is not ours, and nobody is let in by us.
    return undefined
  }
}
