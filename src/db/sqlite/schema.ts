import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { TalonError } from '../../protocol/errors.ts'
import { SchemaError } from '../schema-error.ts'
import { UnusableDatabaseError } from '../unusable-error.ts'
import { lockHolder } from './lock.ts'
import {
  type Applied,
  appliedSql,
  hasMigrationsSql,
  type Migrated,
  type Migration,
  migrate,
  pendingAfter,
  readMigrations,
} from './migrate.ts'
import { type Connection, openReader, openWriter } from './open.ts'
import { bytesOf, copyDatabase, freeBytesAt, openPeek, type Peek } from './peek.ts'
import { ensureUsable, repairs } from './usable.ts'

export interface SchemaPlace {
  /** The database. */
  file: string
  /** The data folder. */
  home: string
  migrationsDir: string
}

export interface SchemaStatus {
  /** Undefined if there is no database yet. */
  applied: { name: string; appliedAt: number }[] | undefined
  pending: string[]
}

export interface Rehearsal {
  applied: string[]
  /** Of the migrations with their checks, without the copying. */
  durationMs: number
  bytesBefore: number
  bytesAfter: number
}

// What an upgrade writes beside what the database holds: the new tables' first pages, and the log's own.
const rehearsalMarginBytes = 16 * 1024 * 1024
const rehearsalName = /^migrate-(\d+)-/

/**
 * Which migrations a database has, and which this program would apply. It changes nothing, and works beside a gateway.
 * @throws SchemaError if the two do not fit together, UnusableDatabaseError if it cannot be read
 */
export function schemaStatus({ file, home, migrationsDir }: SchemaPlace): SchemaStatus {
  if (!existsSync(file)) return { applied: undefined, pending: namesOf(readMigrations(migrationsDir)) }
  let peek: Peek | undefined
  try {
    peek = openPeek(file, { live: lockHolder(home) !== undefined })
    const applied = appliedIn(peek)
    const pending = namesOf(pendingAfter(applied, migrationsDir))
    return { applied: applied.map(({ name, appliedAt }) => ({ name, appliedAt })), pending }
  } catch (thrown) {
    throw unreadable(file, home, thrown)
  } finally {
    peek?.close()
  }
}

/** What was applied to a database, in order. */
export function appliedIn(peek: Peek): Applied[] {
  return peek.all(hasMigrationsSql).length === 0 ? [] : peek.all<Applied>(appliedSql)
}

/**
 * Brings a database to the newest schema, as a start does. The caller holds the lock of the data folder.
 * @throws SchemaError that says what happened and how to go on, UnusableDatabaseError if it is damaged
 */
export async function upgrade(place: SchemaPlace & { now: number }): Promise<Migrated> {
  await ensureUsable({ ...place, setAside: false })
  const connection = openWriter(place.file)
  try {
    return await migrate(connection, { ...place, backupsDir: join(place.home, 'backups') })
  } finally {
    connection.close()
  }
}

/**
 * Does an upgrade with a copy of the database and removes the copy; a gateway may run meanwhile.
 * @param monotonicMs a clock that never goes backwards
 * @throws SchemaError if it would fail, or there is no room for a copy; UnusableDatabaseError if it cannot be read
 */
export async function rehearse(place: SchemaPlace & { now: number; monotonicMs: () => number }): Promise<Rehearsal> {
  const bytesBefore = bytesOf(place.file)
  const folder = rehearsalFolder(place.home, 2 * bytesBefore + rehearsalMarginBytes)
  try {
    const connection = openWriter(await copyInto(folder, place))
    try {
      const startedAt = place.monotonicMs()
      const { applied } = await migrate(connection, { ...place, backupsDir: undefined })
      const durationMs = place.monotonicMs() - startedAt
      connection.database.pragma('wal_checkpoint(TRUNCATE)')
      return { applied, durationMs, bytesBefore, bytesAfter: bytesOf(connection.database.name) }
    } finally {
      connection.close()
    }
  } catch (thrown) {
    throw unreadable(place.file, place.home, thrown)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Copies that a rehearsal left when its process was killed. */
export function leftRehearsals(home: string): string[] {
  const folder = join(home, 'run')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(name => !lives(Number(rehearsalName.exec(name)?.[1] ?? process.pid)))
    .map(name => join(folder, name))
}

async function copyInto(folder: string, { file, home }: SchemaPlace): Promise<string> {
  if (lockHolder(home) === undefined) return copyDatabase(file, folder)
  const copy = join(folder, basename(file))
  const reader: Connection = openReader(file)
  try {
    // In one step, because a backup begins anew whenever the gateway writes between two.
    await reader.database.backup(copy, { progress: () => Number.MAX_SAFE_INTEGER })
    return copy
  } finally {
    reader.close()
  }
}

function unreadable(file: string, home: string, thrown: unknown): TalonError {
  if (thrown instanceof TalonError) return thrown
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  // The SQLite of Node has the same words for it, and no code.
  const wayOn = /malformed|not a database/.test(reason) ? repairs(home) : 'talon doctor says more.'
  return new UnusableDatabaseError(`The database ${file} cannot be read: ${reason}. ${wayOn}`, thrown)
}

/** A folder of its own: on the disk of the data, where the copy may share its blocks, else among the temporary files. */
function rehearsalFolder(home: string, neededBytes: number): string {
  for (const left of leftRehearsals(home)) rmSync(left, { recursive: true, force: true })
  const run = join(home, 'run')
  const name = `migrate-${process.pid}-`
  const reasons: string[] = []
  for (const parent of [run, tmpdir()]) {
    try {
      if (parent === run) mkdirSync(run, { mode: 0o700, recursive: true })
      const free = freeBytesAt(parent)
      if (free >= neededBytes) return mkdtempSync(join(parent, name))
      reasons.push(`${parent} has ${megabytes(free)} MB`)
    } catch (thrown) {
      reasons.push(thrown instanceof Error ? thrown.message : String(thrown))
    }
  }
  throw new SchemaError(
    `There is no room to try the upgrade on a copy: it needs ${megabytes(neededBytes)} MB, and ${reasons.join('; ')}.`,
  )
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024)
}

function namesOf(migrations: readonly Migration[]): string[] {
  return migrations.map(({ name }) => name)
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    // EPERM: it lives, under another account.
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM'
  }
}
