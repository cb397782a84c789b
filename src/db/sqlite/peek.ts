import { constants, copyFileSync, existsSync, mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { openReader } from './open.ts'

/** A look into a database that leaves no trace of itself. */
export interface Peek {
  /** Every row of a statement; the caller knows what its columns are. */
  all<Row>(sql: string): Row[]
  close(): void
}

// A copy is made beside the temporary files of the system, where a whole database may not fit.
const maxCopyBytes = 4 * 1024 * 1024 * 1024

/**
 * Opens a database to look at it. One that a gateway has open is read as any reader does. SQLite would make `-wal` and
 * `-shm` beside one that nobody has open, and leave them there; our SQLite takes no URI that could forbid it, but the one
 * inside Node does. The two must never have one file open in one process: each would end the other's locks.
 * @param live whether a process holds the data folder
 * @throws whatever SQLite or the file system says
 */
export function openPeek(file: string, { live }: { live: boolean }): Peek {
  if (live) {
    const { database, close } = openReader(file)
    // The caller wrote the columns into the text.
    return { all: <Row>(sql: string) => database.prepare(sql).all() as Row[], close }
  }
  if (!hasContent(`${file}-wal`)) return openQuietly(file, 'immutable=1')
  // What a killed process left is read where it lies, with an index of the log in memory, as long as there is one on disk.
  if (existsSync(`${file}-shm`)) return openQuietly(file, 'readonly_shm=1')
  return openCopy(file)
}

/** How many bytes an account may still write to the disk of a folder. */
export function freeBytesAt(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** Bytes of a database, with those of its log. */
export function bytesOf(file: string): number {
  return [file, `${file}-wal`].reduce((sum, name) => sum + (statSync(name, { throwIfNoEntry: false })?.size ?? 0), 0)
}

/** Copies a database that nobody has open, with its log; shares the blocks where the file system can. */
export function copyDatabase(file: string, folder: string): string {
  const copy = join(folder, basename(file))
  for (const end of ['', '-wal']) {
    if (existsSync(`${file}${end}`)) copyFileSync(`${file}${end}`, `${copy}${end}`, constants.COPYFILE_FICLONE)
  }
  return copy
}

function hasContent(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0
}

function openQuietly(file: string, how: string): Peek {
  const url = pathToFileURL(file)
  url.search = how
  const database = new DatabaseSync(url, { readOnly: true })
  try {
    // The first statement finds out whether it is a database at all.
    database.exec('PRAGMA query_only = ON')
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
  } catch (thrown) {
    database.close()
    throw thrown
  }
  return {
    // The caller wrote the columns into the text.
    all: <Row>(sql: string) => database.prepare(sql).all() as Row[],
    close: () => database.close(),
  }
}

function openCopy(file: string): Peek {
  const bytes = bytesOf(file)
  const free = freeBytesAt(tmpdir())
  if (bytes > maxCopyBytes || bytes > free) {
    throw new Error(`its log has no index (${basename(file)}-shm), and a copy of it to read from does not fit`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'talon-look-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    // In the copy the log may get its index.
    const { database, close } = openReader(copyDatabase(file, folder))
    return {
      all: <Row>(sql: string) => database.prepare(sql).all() as Row[],
      close() {
        close()
        remove()
      },
    }
  } catch (thrown) {
    remove()
    throw thrown
  }
}
