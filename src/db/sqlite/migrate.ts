import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { SchemaError } from '../schema-error.ts'
import { backUp } from './backup.ts'
import { fileTime, readChecksum, removeBackup } from './backup-files.ts'
import type { Connection } from './open.ts'
import { checkPages, checkReferences, checkStock, type Stock, takeStock } from './verify.ts'

export interface Migration {
  /** The file's name without `.sql`: `0001-log`. */
  name: string
  sql: string
  checksum: string
}

export interface Applied {
  name: string
  checksum: string
  /** Unix ms. */
  appliedAt: number
}

export interface Migrated {
  /** Names of what was applied now. */
  applied: string[]
  /** The backup that was made before, if there was something to lose. */
  backup: string | undefined
}

export interface MigrateOptions {
  migrationsDir: string
  /** Where the backup goes; none is made without it, which is for copies. */
  backupsDir: string | undefined
  /** Unix ms. */
  now: number
  /** Hears when the upgrade of a database that holds data begins, because it may take a while, and when it is done. */
  say?: ((message: string) => void) | undefined
}

const fileName = /^\d{4}-[a-z0-9-]+\.sql$/
// Found before anything runs: afterwards it would be too late to undo what came before it.
const endOfTransaction = /(^|;)\s*(COMMIT|ROLLBACK|END\s+TRANSACTION)\b/i

/**
 * Brings a database to the newest schema. One that holds something is backed up first; then all pending files are
 * applied in one transaction, so that what is on disk is the old schema or the new one, and never a step between that no
 * program knows. Each file is held against what was there before it; the whole is checked before the commit.
 * @throws SchemaError that says what happened, where the backup is and how to go on; the database is as it was
 */
export async function migrate(connection: Connection, options: MigrateOptions): Promise<Migrated> {
  const pending = pendingMigrations(connection, options.migrationsDir)
  const [first] = pending
  if (!first) return { applied: [], backup: undefined }
  const { backupsDir, now } = options
  const holdsData = readApplied(connection).length > 0
  const backup = holdsData && backupsDir !== undefined ? backupName(backupsDir, now, first) : undefined
  const names = pending.map(({ name }) => name)
  if (backup !== undefined) {
    options.say?.(`The database is brought to the schema of this version, after a backup: ${names.join(', ')}.`)
    await makeBackup(connection, backup)
  }
  // A migration may rebuild a table that others refer to; the references are checked before the commit instead.
  connection.database.pragma('foreign_keys = OFF')
  try {
    applyAll(connection, pending, now)
  } catch (thrown) {
    throw failure(thrown, backup === undefined ? undefined : keepOne(backup))
  } finally {
    connection.database.pragma('foreign_keys = ON')
  }
  if (backup !== undefined) options.say?.(`The database has the schema of this version. Its backup: ${backup}`)
  return { applied: names, backup }
}

/**
 * What this program would still apply.
 * @throws SchemaError if the database is newer than the program, or an applied file is not what it was.
 */
export function pendingMigrations(connection: Connection, migrationsDir: string): Migration[] {
  return pendingAfter(readApplied(connection), migrationsDir)
}

/**
 * The same, for a database of which it is known what was applied.
 * @throws SchemaError as above
 */
export function pendingAfter(applied: readonly Applied[], migrationsDir: string): Migration[] {
  const known = readMigrations(migrationsDir)
  for (const [index, { name, checksum }] of applied.entries()) {
    const migration = known.find(each => each.name === name)
    if (!migration) {
      throw new SchemaError(
        `This database was written by a newer Talon: its migration ${name} is not known to this version. ` +
          'Start the newer version, or restore the backup that it made before it upgraded.',
      )
    }
    if (migration.checksum !== checksum) {
      throw new SchemaError(
        `The migration ${name} was changed after it was applied to this database. Install this version of Talon anew.`,
      )
    }
    if (known[index]?.name !== name) {
      throw new SchemaError(`A migration before ${name} was never applied to this database. Install this version anew.`)
    }
  }
  return known.slice(applied.length)
}

/** Every migration of a folder, in order. @throws SchemaError if there is none */
export function readMigrations(folder: string): Migration[] {
  const migrations = readdirSync(folder)
    .filter(name => fileName.test(name))
    .sort()
    .map(name => {
      // A checkout on another system may have other line ends; what the file says is the same.
      const sql = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n')
      return { name: name.slice(0, -'.sql'.length), sql, checksum: createHash('sha256').update(sql).digest('hex') }
    })
  if (migrations.length === 0) throw new SchemaError(`There are no migrations in ${folder}. Install Talon anew.`)
  return migrations
}

/** Where a database keeps what was applied to it; made with the first of them. */
export const migrationsTableSql =
  'CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT'
/** Whether a database has the table of what was applied; one without it is empty. */
export const hasMigrationsSql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'"
/** In the order in which they were applied. */
export const appliedSql = 'SELECT name, checksum, applied_at AS appliedAt FROM migrations ORDER BY name'

function readApplied({ database }: Connection): Applied[] {
  if (database.prepare(hasMigrationsSql).get() === undefined) return []
  return database.prepare<[], Applied>(appliedSql).all()
}

function backupName(backupsDir: string, now: number, first: Migration): string {
  return join(backupsDir, `gateway-${fileTime(now)}-before-${first.name.slice(0, 4)}.backup`)
}

async function makeBackup({ database }: Connection, target: string): Promise<void> {
  try {
    await backUp(database, target)
  } catch (thrown) {
    throw new SchemaError(
      `The upgrade of the database did not begin, because no backup could be made in ${dirname(target)}: ` +
        `${reasonOf(thrown)}. Nothing was changed. Mend that and start again, or go on ` +
        'with the version of Talon that you had before.',
      thrown,
    )
  }
}

function applyAll(connection: Connection, pending: readonly Migration[], now: number): void {
  const { database } = connection
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec(migrationsTableSql)
    let stock = takeStock(database)
    for (const migration of pending) stock = apply(connection, migration, stock, now)
    checkPages(database)
    database.exec('COMMIT')
  } catch (thrown) {
    if (database.inTransaction) database.exec('ROLLBACK')
    throw thrown
  }
}

/** Applies one file and gives what the tables hold after it. */
function apply({ database }: Connection, { name, sql, checksum }: Migration, before: Stock, now: number): Stock {
  try {
    if (endOfTransaction.test(sql.replace(/--.*$/gm, ''))) throw new Error('it ends the transaction that it runs in')
    database.exec(sql)
    if (!database.inTransaction) throw new Error('it ends the transaction that it runs in')
    const after = takeStock(database)
    checkStock(before, after, sql)
    checkReferences(database)
    database.prepare('INSERT INTO migrations (name, checksum, applied_at) VALUES (?, ?, ?)').run(name, checksum, now)
    return after
  } catch (thrown) {
    throw new Error(`the migration ${name} failed: ${reasonOf(thrown)}`, { cause: thrown })
  }
}

/** A start that fails is tried again and again: of backups with the same content the first is kept. */
function keepOne(backup: string): string {
  const folder = dirname(backup)
  const suffix = /-before-\d{4}\.backup$/.exec(backup)?.[0] ?? ''
  const content = readChecksum(backup)
  const earlier = readdirSync(folder)
    .filter(name => name.endsWith(suffix) && name < basename(backup))
    .sort()
    .find(name => content !== undefined && readChecksum(join(folder, name)) === content)
  if (earlier === undefined) return backup
  removeBackup(backup)
  return join(folder, earlier)
}

function failure(thrown: unknown, backup: string | undefined): SchemaError {
  const whole = backup === undefined ? '' : `, and there is a backup of it: ${backup}`
  const how = isFull(thrown)
    ? 'Free as much space on its disk as the database takes and start again, or go on with the version of Talon that you had before.'
    : 'Go on with the version of Talon that you had before, which works with it, and report this; ' +
      '"talon migrate --dry-run" shows it again on a copy.'
  return new SchemaError(
    `The upgrade of the database changed nothing: ${reasonOf(thrown)}. The data is as it was${whole}. ${how}`,
    thrown,
  )
}

function isFull(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false
  const code = 'code' in thrown ? thrown.code : undefined
  return code === 'SQLITE_FULL' || code === 'ENOSPC' || isFull(thrown.cause)
}

function reasonOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replace(/\.$/, '')
}
