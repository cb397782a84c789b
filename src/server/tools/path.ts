import { homedir } from 'node:os'
import { isAbsolute, join, normalize, sep } from 'node:path'
import { TalonError } from '../../protocol/errors.ts'

/** Folders inside each other; more serve only to exhaust a walk. */
const maxSegments = 64
const maxShownLength = 120

/**
 * The names that lead from the workspace to a path, by its text alone; empty for the workspace itself. A path may be
 * relative to the workspace, absolute inside it (by any of `roots`, which name the same folder), or begin with `~/`.
 * @throws TalonError `INVALID_MESSAGE` for what is no path, `FORBIDDEN` for one that leads outside
 */
export function segmentsOf(path: string, roots: readonly string[]): string[] {
  refuseStrange(path)
  const expanded = expandHome(path)
  for (const root of roots) {
    const absolute = normalize(isAbsolute(expanded) ? expanded : join(root, expanded))
    const inside = absolute === root || absolute === `${root}${sep}` ? '' : below(root, absolute)
    if (inside === undefined) continue
    const segments = inside.split(sep).filter(segment => segment !== '')
    if (segments.length > maxSegments) {
      throw new TalonError('INVALID_MESSAGE', `${shown(path)} has more than ${maxSegments} folders.`)
    }
    return segments
  }
  const advice = 'Give a path relative to the workspace, such as "notes.txt" or "docs/plan.md".'
  throw new TalonError('FORBIDDEN', `${shown(path)} is outside of the workspace. ${advice}`)
}

/** A path whose `~` stands for the home folder of the account, written out. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path
}

/** A path as it may stand in a message. */
export function shown(path: string): string {
  return JSON.stringify(path.length > maxShownLength ? `${path.slice(0, maxShownLength)}…` : path)
}

function below(root: string, absolute: string): string | undefined {
  const prefix = root.endsWith(sep) ? root : `${root}${sep}`
  return absolute.startsWith(prefix) ? absolute.slice(prefix.length) : undefined
}

// Characters that draw like a separator and that compatibility normalisation does not turn into one.
const slashLookAlikes = /[\u2044\u2215\u2216\u29f5\u29f8\u29f9\u2571\u2572]/
// Control characters, and those that are not drawn or turn the text around them: they make one name look like another.
const unseen = /[\p{Cc}\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/u

function refuseStrange(path: string): void {
  const problem = strangeness(path)
  if (problem !== undefined) throw new TalonError('INVALID_MESSAGE', `${shown(path)} ${problem}`)
}

function strangeness(path: string): string | undefined {
  if (path === '') return 'is empty. Use "." for the workspace itself.'
  if (path.includes('\0')) return 'holds a NUL character.'
  if (!path.isWellFormed()) return 'is not well-formed Unicode.'
  if (unseen.test(path)) return 'holds a character that cannot be seen.'
  if (path.includes('\\')) return 'holds a backslash. Folders are separated by "/".'
  if (slashLookAlikes.test(path)) return 'holds a character that looks like "/" and is none.'
  const misread = path.split('/').find(segment => {
    const plain = segment.normalize('NFKC')
    return plain !== segment && (plain === '.' || plain === '..' || /[/\\]/.test(plain))
  })
  return misread === undefined ? undefined : `holds ${shown(misread)}, which looks like a part of a path and is none.`
}
