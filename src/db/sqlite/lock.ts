import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { TalonError } from '../../protocol/errors.ts'
import { unavailableError } from './errors.ts'
import { prepareFile, prepareFolder } from './open.ts'

/** Who holds a data folder, as others may read it in `<home>/run/gateway.json`. */
export interface Holder {
  pid: number
  bootId: string
  version: string
  host: string
  port: number
  startedAt: number
}

export interface Lock {
  /** Says more about the holder: the port once it is open. */
  update(changes: Partial<Holder>): void
  release(): void
}

// Somebody who only looks whether the lock is held has it for a moment.
const patienceMs = 250

/**
 * Takes a data folder for this process. The lock is the kernel's, on a file that says nothing: it ends with the process,
 * however that ends.
 * @throws TalonError `STORAGE_UNAVAILABLE` that names the process which has it.
 */
export function acquireLock(home: string, holder: Holder): Lock {
  prepareFolder(home)
  const { folder, file } = places(home)
  prepareFile(file)
  const database = new Database(file, { timeout: patienceMs })
  try {
    // The lock file is never written to, and so never needs a journal beside it.
    database.pragma('journal_mode = MEMORY')
    database.exec('BEGIN EXCLUSIVE')
  } catch (thrown) {
    database.close()
    if (isBusy(thrown)) throw held(home, thrown)
    throw unavailableError(
      `The lock ${file} cannot be taken: ${thrown instanceof Error ? thrown.message : thrown}.`,
      thrown,
    )
  }
  let current = holder
  writeHolder(folder, current)
  return {
    update(changes) {
      current = { ...current, ...changes }
      writeHolder(folder, current)
    },
    release() {
      if (!database.open) return
      rmSync(join(folder, 'gateway.json'), { force: true })
      database.exec('ROLLBACK')
      database.close()
    },
  }
}

/** Whether a gateway holds this data folder now, and who it says it is; undefined if none does. */
export function lockHolder(home: string): Partial<Holder> | undefined {
  const { file } = places(home)
  if (!existsSync(file)) return undefined
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 0 })
  try {
    database.prepare('SELECT 1 FROM sqlite_schema').all()
    return undefined
  } catch (thrown) {
    if (isBusy(thrown)) return readHolder(home)
    throw thrown
  } finally {
    database.close()
  }
}

function places(home: string): { folder: string; file: string } {
  const folder = join(home, 'run')
  return { folder, file: join(folder, 'gateway.lock') }
}

function isBusy(thrown: unknown): boolean {
  return thrown instanceof Database.SqliteError && thrown.code.startsWith('SQLITE_BUSY')
}

function held(home: string, cause: unknown): TalonError {
  const { pid, port } = readHolder(home)
  const who = pid === undefined ? 'Another process' : `Process ${pid}`
  const where = port === undefined || port === 0 ? '' : ` and serves port ${port}`
  return new TalonError(
    'STORAGE_UNAVAILABLE',
    `${who} already uses ${home}${where}. Stop it first (kill ${pid ?? '<pid>'}), or start this one with another data folder.`,
    { details: { pid, port }, cause },
  )
}

/** Empty while the holder has not said who it is. */
function readHolder(home: string): Partial<Holder> {
  try {
    // Written by writeHolder; whoever else writes there owns the folder.
    return JSON.parse(readFileSync(join(places(home).folder, 'gateway.json'), 'utf8')) as Holder
  } catch {
    return {}
  }
}

/** Replaces the file at once, so that nobody reads half of it. */
function writeHolder(folder: string, holder: Holder): void {
  const file = join(folder, 'gateway.json')
  const draft = join(folder, `gateway.json.${randomUUID()}`)
  writeFileSync(draft, `${JSON.stringify(holder, null, 2)}\n`, { mode: 0o600 })
  renameSync(draft, file)
}
