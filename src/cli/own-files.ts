import { realpathSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { CommandError } from './context.ts'

// With the log of the database, its earlier states, and drafts. Case does not count on every disk.
const ownNames = /^(gateway\.(db|commit|restore)|talon\.json)/i
const ownFolders = /^(run|secrets)$/i

/**
 * Refuses to write over what a gateway lives on, whatever the user said: the file would be exchanged beneath it.
 * @throws CommandError
 */
export function refuseOwnFile(home: string, target: string): void {
  const place = join(realPath(dirname(target)), basename(target))
  const database = realPath(join(home, 'gateway.db'))
  const names = [place, realPath(target)]
  const own = names.includes(database) || isOwn(home, target) || names.some(name => isOwn(realPath(home), name))
  if (!own) return
  throw new CommandError(`${target} is a part of the data folder that the gateway needs. Name another file.`)
}

function isOwn(home: string, name: string): boolean {
  const [first = '', ...below] = relative(home, name).split(sep)
  return ownFolders.test(first) || (below.length === 0 && ownNames.test(first))
}

/** Without links; as it is where nothing is there. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
