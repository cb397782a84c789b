import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { backUp, removeBackup } from './backup.ts'
import { unavailableError } from './errors.ts'
import type { Connection } from './open.ts'

export interface Migration {
  /** The file's name without `.sql`: `0001-log`. */
  name: string
  sql: string
  checksum: string
}

export interface Migrated {
  /** Names of what was applied now. */
  applied: string[]
  /** The backup that was made before, if there was something to lose. */
  backup: string | undefined
}

const fileName = /^\d{4}-[a-z0-9-]+\.sql$/

/**
 * Brings a database to the newest schema: each file in one transaction, checked before it is committed. A database that
 * holds something is backed up first. Whatever fails leaves the database as it was.
 * @throws TalonError `STORAGE_UNAVAILABLE` with a sentence that says what to do.
 */
export async function migrate(
  connection: Connection,
  options: { migrationsDir: string; backupsDir: string; now: number },
): Promise<Migrated> {
  const pending = pendingMigrations(connection, options.migrationsDir)
  const [first] = pending
  if (!first) return { applied: [], backup: undefined }
  const backup = readApplied(connection).length > 0 ? backupName(options, first) : undefined
  if (backup !== undefined) await backUp(connection.database, backup)
  // A migration may rebuild a table that others refer to; the references are checked before its commit instead.
  connection.database.pragma('foreign_keys = OFF')
  for (const migration of pending) {
    try {
      apply(connection, migration, options.now)
    } catch (thrown) {
      // A start that fails is tried again and again; nothing changed, so its backup says nothing new.
      if (backup !== undefined && migration === first) removeBackup(backup)
      throw thrown
    }
  }
  connection.database.pragma('foreign_keys = ON')
  return { applied: pending.map(({ name }) => name), backup }
}

/**
 * What this program would still apply.
 * @throws TalonError if the database is newer than the program, or an applied file is not what it was.
 */
export function pendingMigrations(connection: Connection, migrationsDir: string): Migration[] {
  const known = readMigrations(migrationsDir)
  const applied = readApplied(connection)
  for (const [index, { name, checksum }] of applied.entries()) {
    const migration = known.find(each => each.name === name)
    if (!migration) {
      throw unavailableError(
        `This database was written by a newer Talon: its migration ${name} is not known to this version. ` +
          'Start the newer version, or restore the backup that it made before it upgraded.',
      )
    }
    if (migration.checksum !== checksum) {
      throw unavailableError(
        `The migration ${name} was changed after it was applied to this database. Install this version of Talon anew.`,
      )
    }
    if (known[index]?.name !== name) {
      throw unavailableError(
        `A migration before ${name} was never applied to this database. Install this version anew.`,
      )
    }
  }
  return known.slice(applied.length)
}

function readMigrations(folder: string): Migration[] {
  const migrations = readdirSync(folder)
    .filter(name => fileName.test(name))
    .sort()
    .map(name => {
      // A checkout on another system may have other line ends; what the file says is the same.
      const sql = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n')
      return { name: name.slice(0, -'.sql'.length), sql, checksum: createHash('sha256').update(sql).digest('hex') }
    })
  if (migrations.length === 0) throw unavailableError(`There are no migrations in ${folder}. Install Talon anew.`)
  return migrations
}

/** In the order in which they were applied. A database without the table is empty. */
function readApplied({ database }: Connection): { name: string; checksum: string }[] {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'").get()
  if (table === undefined) return []
  return database
    .prepare<[], { name: string; checksum: string }>('SELECT name, checksum FROM migrations ORDER BY name')
    .all()
}

function backupName({ backupsDir, now }: { backupsDir: string; now: number }, first: Migration): string {
  // 2026-02-19T12:00:00.000Z with nothing in it that a file system minds.
  const date = new Date(now)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '')
  return join(backupsDir, `gateway-${date}-before-${first.name.slice(0, 4)}.backup`)
}

function apply({ database }: Connection, { name, sql, checksum }: Migration, now: number): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec(
      'CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT',
    )
    database.exec(sql)
    if (!database.inTransaction) throw new Error('it ends the transaction that it runs in')
    database.prepare('INSERT INTO migrations (name, checksum, applied_at) VALUES (?, ?, ?)').run(name, checksum, now)
    verify(database)
    database.exec('COMMIT')
  } catch (thrown) {
    if (database.inTransaction) database.exec('ROLLBACK')
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw unavailableError(`The migration ${name} failed and changed nothing: ${reason}.`, thrown)
  }
}

function verify(database: Connection['database']): void {
  const broken = database.prepare('SELECT "table" AS name FROM pragma_foreign_key_check LIMIT 1').get()
  if (broken !== undefined) throw new Error(`it leaves rows that refer to nothing: ${JSON.stringify(broken)}`)
  const verdict = database.pragma('quick_check(1)', { simple: true })
  if (verdict !== 'ok') throw new Error(`the database is damaged: ${verdict}`)
}
