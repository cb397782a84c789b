import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { CommandError } from '../context.ts'

/** An account of this machine. */
export interface Account {
  name: string
  group: string
  uid: number
  gid: number
}

/**
 * Finds an account by its name, wherever this machine keeps accounts.
 * @throws CommandError if there is none
 */
export function accountOf(name: string): Account {
  if (!/^[a-z_][a-z0-9_.-]{0,31}$/i.test(name)) throw new CommandError(`"${name}" is no name of an account.`)
  try {
    const ask = (flag: string) =>
      execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    return { name, group: ask('-gn'), uid: Number(ask('-u')), gid: Number(ask('-g')) }
  } catch {
    throw new CommandError(
      `There is no account ${name}. Make one with: useradd --system --home-dir /var/lib/talon --shell /usr/sbin/nologin ${name}`,
    )
  }
}

/** The first folder on the way to a path that an account may not enter; undefined if it may enter all. */
export function barrier(path: string, { uid, gid }: Account): string | undefined {
  if (uid === 0) return undefined
  const folders: string[] = []
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    folders.unshift(folder)
    if (folder === dirname(folder)) break
  }
  return folders.find(folder => {
    const found = statSync(folder, { throwIfNoEntry: false })
    if (!found) return false
    const shift = found.uid === uid ? 6 : found.gid === gid ? 3 : 0
    return ((found.mode >> shift) & 1) === 0
  })
}
