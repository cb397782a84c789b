import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { TalonError } from '../../protocol/errors.ts'
import { processStart } from '../process-start.ts'
import { unavailableError } from './errors.ts'
import { prepareFile, prepareFolder } from './open.ts'
import { finishRestore, type Replaced } from './replace-database.ts'

/** Who holds a data folder, as others may read it in `<home>/run/gateway.json`. */
export interface Holder {
  pid: number
  bootId: string
  version: string
  host: string
  port: number
  startedAt: number
  /** Settings of its command line, by their keys. */
  flags?: Readonly<Record<string, string>> | undefined
  /** Whether it was told to stop: told again it would end at once. */
  stopping?: boolean | undefined
  /** When its process began, see `processStart`: by then the id may be another's. */
  processStart?: string | undefined
}

export interface Lock {
  /** A restore that a crash had cut short, and that is finished now. */
  restored: Replaced | undefined
  /** Says more about the holder: the port once it is open. */
  update(changes: Partial<Holder>): void
  release(): void
}

// Somebody who only looks whether the lock is held has it for a moment.
const patienceMs = 250

/**
 * Takes a data folder for this process. The lock is the kernel's, on a file that says nothing: it ends with the process,
 * however that ends. Who has it finds one whole database: a restore that was cut short is finished first.
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
    if (isBusy(thrown)) throw held(home, holder, thrown)
    throw unavailableError(
      `The lock ${file} cannot be taken: ${thrown instanceof Error ? thrown.message : thrown}.`,
      thrown,
    )
  }
  const restored = finishFirst(home, () => database.close())
  let current = { ...holder, processStart: processStart(holder.pid) }
  writeHolder(folder, current)
  return {
    restored,
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

function finishFirst(home: string, giveUp: () => void): Replaced | undefined {
  try {
    return finishRestore(home)
  } catch (thrown) {
    giveUp()
    throw thrown
  }
}

function places(home: string): { folder: string; file: string } {
  const folder = join(home, 'run')
  return { folder, file: join(folder, 'gateway.lock') }
}

function isBusy(thrown: unknown): boolean {
  return thrown instanceof Database.SqliteError && thrown.code.startsWith('SQLITE_BUSY')
}

function held(home: string, asking: Holder, cause: unknown): TalonError {
  const { pid, port, host } = readHolder(home)
  const who = pid === undefined ? 'Another process' : `Process ${pid}`
  const where = port === undefined || port === 0 ? '' : ` and serves port ${port}`
  return new TalonError('STORAGE_UNAVAILABLE', `${who} already uses ${home}${where}. ${wayAround(host, asking)}`, {
    details: { pid, port },
    cause,
  })
}

/** A command that works on files serves no address, and what it does ends by itself. */
function wayAround(host: string | undefined, asking: Holder): string {
  if (host === '') return 'Try again when it is done.'
  if (asking.host === '') return 'Stop it first: talon stop'
  return 'Stop it first (talon stop), or start this one with another data folder.'
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
