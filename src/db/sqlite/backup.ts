import { createHash } from 'node:crypto'
import { closeSync, createReadStream, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import Database from 'better-sqlite3'
import { prepareFolder, syncFolder } from './open.ts'

/**
 * Copies a database while it is used, checks the copy and puts its SHA-256 beside it, as `sha256sum -c` reads it. The
 * file has its name only once it is whole.
 */
export async function backUp(database: Database.Database, target: string): Promise<void> {
  const folder = dirname(target)
  const partial = `${target}.partial`
  prepareFolder(folder)
  rmSync(partial, { force: true })
  // Made here, because SQLite would make it readable for others.
  closeSync(openSync(partial, 'wx', 0o600))
  try {
    await database.backup(partial)
    checkCopy(partial)
    syncFile(partial)
    const checksum = `${target}.sha256`
    writeFileSync(checksum, `${await sha256(partial)}  ${basename(target)}\n`, { mode: 0o600 })
    syncFile(checksum)
    renameSync(partial, target)
    syncFolder(folder)
  } catch (thrown) {
    rmSync(partial, { force: true })
    throw thrown
  }
}

export function removeBackup(target: string): void {
  rmSync(target, { force: true })
  rmSync(`${target}.sha256`, { force: true })
}

/** A copy leaves WAL mode, so that it is one file that opens anywhere, from read-only media too. */
function checkCopy(file: string): void {
  const copy = new Database(file)
  try {
    copy.pragma('journal_mode = DELETE')
    const verdict = copy.pragma('quick_check(1)', { simple: true })
    if (verdict !== 'ok')
      throw new Error(`The backup is damaged, and so is the database that it was made of: ${verdict}`)
  } finally {
    copy.close()
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
