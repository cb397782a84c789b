import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { StartError } from './start-error.ts'

/** Makes the folder if there is none. @throws StartError if it cannot be written */
export function prepareHome(home: string): void {
  try {
    makeFolder(join(home, 'run'))
    const probe = join(home, 'run', 'write.probe')
    // Not empty, because a full disk still takes an empty file.
    writeFileSync(probe, 'It may be written here.\n', { mode: 0o600 })
    rmSync(probe)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartError(
      `The data folder ${home} cannot be written: ${reason}. Give this account the right to write it, or choose another with TALON_HOME or --home.`,
    )
  }
}

/** One folder at a time: under /proc a recursive mkdir of Node never returns. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  mkdirSync(folder, { mode: 0o700 })
}
