import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CommandError, type Context } from '../context.ts'
import type { Account } from './account.ts'
import { type Scope, unitName } from './systemd.ts'
import { unitMark } from './unit.ts'

/** Where the files of the service are. */
export interface Places {
  unit: string
  environmentFile: string
}

/** As systemd.unit(5) looks for them. */
export function placesOf(scope: Scope, env: Context['env'], homeOfAccount: string): Places {
  if (scope === 'system') {
    return { unit: join('/etc/systemd/system', unitName), environmentFile: '/etc/talon/talon.env' }
  }
  const config = env.XDG_CONFIG_HOME || join(env.HOME || homeOfAccount, '.config')
  return { unit: join(config, 'systemd', 'user', unitName), environmentFile: join(config, 'talon', 'talon.env') }
}

const environmentText = `# Variables for the Talon service, one NAME=value a line. They are read at each start.
# Settings are better kept in talon.json in the data folder; keys of providers may be named here and there.
#TALON_PORT=19789
`

/**
 * Writes the unit, and a file for variables where there is none.
 * @returns what it did, a sentence each
 * @throws CommandError if the unit that is there is not ours, or a file cannot be written
 */
export function writeUnit({ unit, environmentFile }: Places, text: string): string[] {
  const earlier = readUnit(unit)
  if (earlier !== undefined && !earlier.startsWith(unitMark)) {
    throw new CommandError(`${unit} was not written by Talon and stays as it is. Move it away to go on.`)
  }
  const done = [
    earlier === text ? `${unit} is as it should be.` : `${earlier === undefined ? 'Wrote' : 'Replaced'} ${unit}.`,
  ]
  return writing(() => {
    if (earlier !== text) write(unit, text, 0o644, 0o755)
    if (!existsSync(environmentFile)) {
      // It may come to hold keys.
      write(environmentFile, environmentText, 0o600, 0o700)
      done.push(`Wrote ${environmentFile} for variables such as the keys of providers.`)
    }
    return done
  })
}

/** Removes the unit; false if there is none. @throws CommandError if it is not ours */
export function removeUnit({ unit }: Places): boolean {
  const text = readUnit(unit)
  if (text === undefined) return false
  if (!text.startsWith(unitMark)) throw new CommandError(`${unit} was not written by Talon and stays.`)
  writing(() => rmSync(unit))
  return true
}

export function readUnit(unit: string): string | undefined {
  return existsSync(unit) ? readFileSync(unit, 'utf8') : undefined
}

/** Makes the data folder, because nothing can be made any more in a file system that is closed. */
export function prepareFolder(folder: string, account: Account | undefined): void {
  if (existsSync(folder)) return
  writing(() => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (account) chownSync(folder, account.uid, account.gid)
  })
}

function write(file: string, text: string, mode: number, folderMode: number): void {
  mkdirSync(dirname(file), { recursive: true, mode: folderMode })
  writeFileSync(file, text, { mode })
  chmodSync(file, mode)
}

function writing<Result>(work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) throw error
    throw new CommandError(`It cannot be written: ${error.message}.`)
  }
}
