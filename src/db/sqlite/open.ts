import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'

export type Statement<Row> = Database.Statement<unknown[], Row>

/** One connection with the statements that were prepared on it: a statement belongs to its connection for ever. */
export interface Connection {
  readonly database: Database.Database
  /** Every text that was prepared so far. Bounded, because all texts are constants of this folder. */
  readonly statements: ReadonlyMap<string, Statement<unknown>>
  /** The statement of this text, prepared at its first use. */
  prepared<Row = unknown>(sql: string): Statement<Row>
  close(): void
}

const busyTimeoutMs = 5_000
// Modest, because the page cache of the operating system holds the file as well.
const cacheKib = 8 * 1024
const maxWalBytes = 64 * 1024 * 1024

/**
 * Opens the connection that writes. What it commits is durable: `synchronous=FULL` syncs the log at every commit, and
 * better-sqlite3 is compiled with less.
 */
export function openWriter(file: string): Connection {
  const database = new Database(file, { timeout: busyTimeoutMs, fileMustExist: true })
  try {
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    database.pragma(`journal_size_limit = ${maxWalBytes}`)
    return connect(database)
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

/** Opens a copy that nobody else knows of, to write a little; it stays one file. */
export function connectAlone(file: string): Connection {
  const database = new Database(file, { fileMustExist: true })
  try {
    database.pragma('synchronous = FULL')
    return connect(database)
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

/** Opens a connection that can only read; it sees every commit that was acknowledged before. */
export function openReader(file: string): Connection {
  const database = new Database(file, { timeout: busyTimeoutMs, readonly: true, fileMustExist: true })
  try {
    database.pragma('query_only = ON')
    return connect(database)
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

function connect(database: Database.Database): Connection {
  database.pragma(`cache_size = -${cacheKib}`)
  // Savepoints keep the pages that they may have to bring back in memory instead of in a temporary file.
  database.pragma('temp_store = MEMORY')
  database.pragma('trusted_schema = OFF')
  const statements = new Map<string, Statement<unknown>>()
  return {
    database,
    statements,
    prepared<Row>(sql: string): Statement<Row> {
      let statement = statements.get(sql)
      if (!statement) {
        statement = database.prepare<unknown[], unknown>(sql)
        statements.set(sql, statement)
      }
      // The caller wrote the columns into the text and knows what a row holds; SQLite cannot tell the compiler.
      return statement as Statement<Row>
    },
    close() {
      statements.clear()
      database.close()
    },
  }
}

/**
 * Makes the file and its folder, for nobody but their owner whatever the umask says. SQLite gives the files that it
 * makes beside it (`-wal`, `-shm`) the mode of the database.
 */
export function prepareFile(file: string): void {
  const folder = dirname(file)
  prepareFolder(folder)
  if (!existsSync(file)) {
    // Without `x`, because another process may make it at the same moment; the lock then decides.
    closeSync(openSync(file, 'a', 0o600))
    syncFolder(folder)
  }
  for (const name of [file, `${file}-wal`, `${file}-shm`]) {
    if (existsSync(name)) chmodSync(name, 0o600)
  }
}

/** Makes a folder that only its owner can enter, and closes to others one that is ours. */
export function prepareFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { mode, uid } = statSync(folder)
  // A folder with the sticky bit is shared on purpose, such as /tmp.
  const ours = made !== undefined || (uid === process.getuid?.() && (mode & 0o1000) === 0)
  if (ours && (mode & 0o777) !== 0o700) chmodSync(folder, 0o700)
}

/** Makes the names in a folder durable: a file whose name is lost is lost. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
