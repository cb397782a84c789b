import { existsSync, readdirSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { TalonError } from '../../protocol/errors.ts'
import { UnusableDatabaseError } from '../unusable-error.ts'
import { type Fault, findFault } from './check.ts'
import { resetCommitNumber } from './commit-number.ts'
import { engineCode, isDamage, storageError } from './errors.ts'
import { syncFolder } from './open.ts'

export interface Usable {
  /** Where a damaged database was moved to; undefined if there was nothing to move. */
  setAside: string | undefined
}

/**
 * Sees to it that a database can be used: refuses one that cannot, and changes nothing in it. A damaged one is moved
 * aside where the user said so, and only then.
 * @throws UnusableDatabaseError that says what is wrong and how to go on
 */
export async function ensureUsable(options: {
  file: string
  home: string
  now: number
  setAside: boolean
}): Promise<Usable> {
  const { file, home, now } = options
  const fault = await findFault(file)
  if (!fault) return { setAside: undefined }
  if (fault.kind === 'damaged' && options.setAside) return { setAside: moveAside(file, now) }
  throw new UnusableDatabaseError(`The database ${file} ${fault.reason}. Nothing was changed. ${wayOut(fault, home)}`)
}

/**
 * Does something with a database that was found usable: what SQLite says of it all the same becomes a sentence.
 * @throws UnusableDatabaseError where SQLite refused the database, whatever else the work throws
 */
export async function whileUsable<Result>(file: string, home: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (thrown) {
    const error = storageError(thrown)
    const code = error instanceof TalonError ? engineCode(error) : undefined
    if (!(error instanceof TalonError) || code === undefined) throw error
    const wayOn = isDamage(code) ? ` Nothing was changed. ${repairs(home)}` : ''
    throw new UnusableDatabaseError(`The database ${file} cannot be used (${code}). ${error.message}${wayOn}`, thrown)
  }
}

/** What to do about a damaged database, in sentences: the newest backup, or an empty beginning. */
export function repairs(home: string): string {
  const setAside = 'talon start --set-aside (the damaged one is kept beside it)'
  const backup = newestBackup(join(home, 'backups'))
  if (!backup) return `There is no backup in ${join(home, 'backups')}. To begin with an empty one: ${setAside}.`
  const { path, at } = backup
  return `The newest backup is of ${new Date(at).toISOString()}. To go on with it: talon restore ${path}. To begin with an empty one: ${setAside}.`
}

function wayOut({ kind }: Fault, home: string): string {
  if (kind === 'damaged') return repairs(home)
  return 'Give this account the right to write it, see that its disk is mounted for writing, and start again.'
}

/** Renames a database with its log. Until the log is renamed as well, a start finds it without its database and refuses. */
function moveAside(file: string, now: number): string | undefined {
  const date = new Date(now)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '')
  const target = freeName(`${file}.damaged-${date}`)
  const found = ['', '-wal', '-shm'].filter(end => existsSync(`${file}${end}`))
  for (const end of found) renameSync(`${file}${end}`, `${target}${end}`)
  resetCommitNumber(dirname(file))
  syncFolder(dirname(file))
  return found.length > 0 ? target : undefined
}

/** Nothing that was moved aside before is written over. */
function freeName(wanted: string): string {
  let name = wanted
  for (let count = 2; existsSync(name); count++) name = `${wanted}-${count}`
  return name
}

function newestBackup(folder: string): { path: string; at: number } | undefined {
  if (!existsSync(folder)) return undefined
  return readdirSync(folder)
    .filter(name => name.endsWith('.backup'))
    .map(name => ({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at)[0]
}
