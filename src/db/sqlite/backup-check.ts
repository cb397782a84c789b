import { closeSync, copyFileSync, existsSync, fsyncSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import Database from 'better-sqlite3'
import type { AuditEntry } from '../audit.ts'
import { recordInFile } from './audit-file.ts'
import { type Copied, hashFile, refuseIfFull } from './backup-copy.ts'
import { readChecksum } from './backup-files.ts'
import { unavailableError } from './errors.ts'
import { spareBytesAt } from './kept-free.ts'
import { type Applied, appliedSql, hasMigrationsSql, pendingAfter } from './migrate.ts'
import { connectAlone, syncFolder } from './open.ts'
import { bytesOf, openPeek } from './peek.ts'
import { pageFaults } from './quick-check.ts'

/** What a backup that is whole holds. */
export interface BackupContents extends Copied {
  sessions: number
  messages: number
  /** Unix ms of the newest activity in any session; null if there is no session. */
  newestActivityAt: number | null
  /** Name of the newest migration that it has. */
  schema: string
  /** Migrations that the next start would apply. */
  pending: string[]
}

export interface CheckOptions {
  file: string
  migrationsDir: string
  /** Whether a checksum must stand beside the file. One that does must be right in any case. */
  checksum: boolean
}

/** The first 16 bytes of every SQLite database (https://sqlite.org/fileformat.html). */
const header = Buffer.from('SQLite format 3\0', 'latin1')

/**
 * Holds a backup against its checksum, looks through its pages and references, and at its schema. It leaves no trace.
 * @throws TalonError `STORAGE_UNAVAILABLE` with what is wrong with it
 */
export function checkBackup(options: CheckOptions): BackupContents {
  const wanted = checksumOf(options)
  const copied = hashFile(options.file)
  compare(options.file, copied, wanted)
  return { ...copied, ...lookInto(options.file, options) }
}

/**
 * The same, of a copy that this makes: what is checked is what will be used, whatever becomes of the file. Where no
 * checksum is asked for, a log beside the file belongs to it.
 * @param staged where the copy goes; removed again if anything is wrong
 * @param audit what the audit trail of the copy says of this
 */
export function stageBackup(
  options: CheckOptions & { staged: string; audit?: AuditEntry | undefined },
): BackupContents {
  const { file, staged } = options
  const folder = dirname(staged)
  const wanted = checksumOf(options)
  refuseIfFull(folder, bytesOf(file), spareBytesAt(folder))
  rmSync(staged, { force: true })
  const descriptor = openSync(staged, 'wx', 0o600)
  try {
    const copied = hashFile(file, descriptor)
    compare(file, copied, wanted)
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${staged}-wal`)
    foldLog(staged, file)
    const contents = { ...copied, ...lookInto(staged, options) }
    if (options.audit) recordIn(staged, options.audit)
    fsyncSync(descriptor)
    syncFolder(folder)
    return contents
  } catch (thrown) {
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${staged}${end}`, { force: true })
    throw thrown
  } finally {
    closeSync(descriptor)
  }
}

/** What the file must hash to; undefined if nobody says. */
function checksumOf({ file, checksum }: CheckOptions): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat) throw unavailableError(`There is no ${file}.`)
  if (!stat.isFile()) throw unavailableError(`${file} is no file.`)
  if (!startsAsDatabase(file)) throw unavailableError(`${file} is no backup: it does not begin as a database does.`)
  for (const end of checksum ? ['-wal', '-journal'] : ['-journal']) {
    if (!statSync(`${file}${end}`, { throwIfNoEntry: false })?.size) continue
    throw unavailableError(
      `${file} is not whole: ${basename(file)}${end} lies beside it, so it is no backup but a database in use. Make a ` +
        'backup with: talon backup. Where nobody uses it, take both with: talon restore --without-checksum',
    )
  }
  const wanted = readChecksum(file)
  if (wanted !== undefined || !checksum) return wanted
  const fault = existsSync(`${file}.sha256`) ? 'holds no SHA-256' : 'is missing'
  throw unavailableError(
    `${file}.sha256 ${fault}, so nobody can tell whether the backup is what it was. ` +
      'To restore it all the same: talon restore --without-checksum',
  )
}

function compare(file: string, { sha256 }: Copied, wanted: string | undefined): void {
  if (wanted === undefined || wanted === sha256) return
  throw unavailableError(
    `${file} is not what it was when the backup was made: its SHA-256 is ${sha256}, and ${basename(file)}.sha256 says ` +
      `${wanted}. Use another backup.`,
  )
}

function startsAsDatabase(file: string): boolean {
  const start = Buffer.alloc(header.length)
  const descriptor = openSync(file, 'r')
  try {
    readSync(descriptor, start)
    return start.equals(header)
  } finally {
    closeSync(descriptor)
  }
}

function lookInto(file: string, { file: shown, migrationsDir }: CheckOptions): Omit<BackupContents, keyof Copied> {
  const peek = openPeek(file, { live: false })
  try {
    const [fault] = pageFaults(sql => peek.all(sql), 1)
    if (fault !== undefined) throw unavailableError(`${shown} is damaged: ${fault}.`)
    const [orphan] = peek.all('SELECT "table" AS "from", parent AS "to" FROM pragma_foreign_key_check LIMIT 1')
    if (orphan) throw unavailableError(`${shown} is damaged: rows refer to nothing (${JSON.stringify(orphan)}).`)
    const applied = peek.all(hasMigrationsSql).length === 0 ? [] : peek.all<Applied>(appliedSql)
    const newest = applied.at(-1)
    if (!newest) throw unavailableError(`${shown} is a database, but none of Talon.`)
    const pending = pendingAfter(applied, migrationsDir).map(({ name }) => name)
    const [counts] = peek.all<{ sessions: number; messages: number }>('SELECT sessions, messages FROM counts')
    const [activity] = peek.all<{ at: number | null }>(
      'SELECT max(last_active_at) AS at FROM sessions WHERE deleted_at IS NULL',
    )
    const { sessions = 0, messages = 0 } = counts ?? {}
    return { sessions, messages, newestActivityAt: activity?.at ?? null, schema: newest.name, pending }
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_SQLITE_ERROR') {
      throw unavailableError(`${shown} is damaged: ${thrown.message}.`, thrown)
    }
    throw thrown
  } finally {
    peek.close()
  }
}

function recordIn(copy: string, entry: AuditEntry): void {
  const connection = connectAlone(copy)
  try {
    recordInFile(connection, entry)
  } finally {
    connection.close()
  }
}

/** Makes one file of a copy and its log. */
function foldLog(copy: string, shown: string): void {
  const database = new Database(copy)
  try {
    database.pragma('journal_mode = DELETE')
  } catch (thrown) {
    throw unavailableError(`${shown} is damaged: ${thrown instanceof Error ? thrown.message : thrown}.`, thrown)
  } finally {
    database.close()
  }
}
