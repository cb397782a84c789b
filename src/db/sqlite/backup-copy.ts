import { createHash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import Database from 'better-sqlite3'
import { unavailableError } from './errors.ts'
import { spareBytesAt } from './kept-free.ts'
import { openReader, syncFolder } from './open.ts'
import { bytesOf, freeBytesAt } from './peek.ts'
import { askAll, pageFaults } from './quick-check.ts'

export interface Copied {
  bytes: number
  /** Of the whole file, in hex. */
  sha256: string
}

// 2 MiB a step: the thread can be ended between two.
const pagesPerStep = 512
// One sync at the end would have the disk write all at once, and commits of the gateway wait behind it.
const stepsPerSync = 8
const chunkBytes = 1024 * 1024

/**
 * Copies a database while others write to it, checks the copy, and puts its SHA-256 beside it. The file has its name
 * only once it is whole. It blocks, so it runs in a thread of its own.
 * @param spareBytes that must be left on the disk afterwards; 64 MB or a tenth of it if undefined, for what is stored
 *   meanwhile and after
 * @throws TalonError `STORAGE_UNAVAILABLE`, or what SQLite or the file system says
 */
export async function copyAndCheck(from: string, target: string, spareBytes: number | undefined): Promise<Copied> {
  const folder = dirname(target)
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 })
  refuseIfFull(folder, bytesOf(from), spareBytes ?? spareBytesAt(folder))
  const partial = `${target}.partial`
  removePartial(target)
  // Made here, because SQLite would make it readable for others.
  const descriptor = openSync(partial, 'wx', 0o600)
  try {
    await copySnapshot(from, partial, descriptor)
    checkCopy(partial)
    fsyncSync(descriptor)
    const copied = hashFile(partial)
    giveName(target, copied.sha256)
    return copied
  } catch (thrown) {
    removePartial(target)
    throw thrown
  } finally {
    closeSync(descriptor)
  }
}

/** Gives the `.partial` of a backup its name, whole and synced as it is, and puts its SHA-256 beside it for `sha256sum -c`. */
export function giveName(target: string, sha256: string): void {
  const checksum = `${target}.sha256`
  const descriptor = openSync(`${checksum}.partial`, 'w', 0o600)
  try {
    writeSync(descriptor, `${sha256}  ${basename(target)}\n`)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  // In this order a backup never lacks its checksum.
  renameSync(`${checksum}.partial`, checksum)
  renameSync(`${target}.partial`, target)
  syncFolder(dirname(target))
}

/** Removes what a backup that failed left. */
export function removePartial(target: string): void {
  for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${target}.partial${end}`, { force: true })
  rmSync(`${target}.sha256.partial`, { force: true })
}

/** @throws TalonError `STORAGE_UNAVAILABLE` if a file of this size would leave less than `spareBytes` on the disk */
export function refuseIfFull(folder: string, bytes: number, spareBytes: number): void {
  const free = freeBytesAt(folder)
  if (free >= bytes + spareBytes) return
  throw noRoom(
    `There is no room in ${folder}: ${megabytes(bytes)} MB are needed, and ${megabytes(spareBytes)} MB to spare, ` +
      `and ${megabytes(free)} MB are free. Free some space, or name a file on another disk.`,
  )
}

/** The same sentence for a disk that is full, by the code that file systems have for it. */
export function noRoom(message: string): Error {
  return unavailableError(message, Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }))
}

/** Reads a file to its end, and writes it to another where one is given. Gives its size and SHA-256. */
export function hashFile(file: string, copyTo?: number): Copied {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(chunkBytes)
  const descriptor = openSync(file, 'r')
  let bytes = 0
  try {
    for (;;) {
      const length = readSync(descriptor, chunk)
      if (length === 0) return { bytes, sha256: hash.digest('hex') }
      const part = chunk.subarray(0, length)
      hash.update(part)
      if (copyTo !== undefined) writeAll(copyTo, part)
      bytes += length
    }
  } finally {
    closeSync(descriptor)
  }
}

/**
 * The copy starts anew whenever the database changes between two steps, unless its connection holds a snapshot: so it
 * ends after one pass, however much is written meanwhile. Until then the log of the database grows by what is written.
 */
async function copySnapshot(from: string, partial: string, descriptor: number): Promise<void> {
  const source = openReader(from)
  try {
    source.database.exec('BEGIN')
    source.database.prepare('SELECT count(*) FROM sqlite_schema').get()
    let steps = 0
    await source.database.backup(partial, {
      progress() {
        if (++steps % stepsPerSync === 0) fsyncSync(descriptor)
        return pagesPerStep
      },
    })
  } finally {
    source.close()
  }
}

/** A copy leaves WAL mode, so that it is one file that opens anywhere, from read-only media too. */
function checkCopy(file: string): void {
  const copy = new Database(file)
  try {
    copy.pragma('journal_mode = DELETE')
    const [fault] = pageFaults(askAll(copy), 1)
    if (fault !== undefined) throw unavailableError(`The copy is damaged, and so is the database: ${fault}.`)
  } finally {
    copy.close()
  }
}

function writeAll(descriptor: number, part: Buffer): void {
  for (let written = 0; written < part.length; ) written += writeSync(descriptor, part, written)
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024)
}
