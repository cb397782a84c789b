import { constants } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { TalonError } from '../../../protocol/errors.ts'
import { chunksOf } from '../text.ts'
import type { Spot } from '../tree.ts'
import { entryOf, openFile } from '../workspace.ts'

/** A database with its log. */
const maxBytes = 512 * 1_048_576
const maxAttempts = 3
/** The log comes before the database, so that what is written back meanwhile is in one of them. */
const ends = ['-wal', '-journal', '']

/**
 * Copies a database with what SQLite keeps beside it, as it was at one moment, into a new folder.
 * @throws TalonError `TOO_LARGE`; `CONFLICT` if it is written all the time; what refuses the path
 */
export async function copyDatabase(spot: Spot, folder: string, signal: AbortSignal): Promise<string> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const into = join(folder, String(attempt))
    await mkdir(into, { recursive: true, mode: 0o700 })
    const before = await stateOf(spot)
    for (const end of ends) await copyPart(spot, end, join(into, `database${end}`), signal)
    if ((await stateOf(spot)) === before) return join(into, 'database')
  }
  throw new TalonError('CONFLICT', `${JSON.stringify(spot.shown)} is being written all the time. Try again later.`)
}

async function stateOf({ parent, name }: Spot): Promise<string> {
  const found = await Promise.all(ends.map(end => entryOf(parent, `${name}${end}`)))
  return JSON.stringify(found.map(stats => stats && [stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs]))
}

async function copyPart({ parent, name, shown }: Spot, end: string, to: string, signal: AbortSignal): Promise<void> {
  if (end !== '' && !(await entryOf(parent, `${name}${end}`))) return
  await using source = await openFile(parent, `${name}${end}`, constants.O_RDONLY)
  await using target = await open(to, 'wx', 0o600)
  let bytes = 0
  for await (const chunk of chunksOf(source, signal)) {
    bytes += chunk.length
    if (bytes > maxBytes)
      throw new TalonError('TOO_LARGE', `${JSON.stringify(shown)} is larger than ${maxBytes} bytes.`)
    await target.appendFile(chunk)
  }
}
