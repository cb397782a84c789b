import Database from 'better-sqlite3'

/** The SQLite that keeps the data, which is not the one inside Node. */
export function sqliteVersion(): string {
  const database = new Database(':memory:')
  try {
    return String(database.prepare('SELECT sqlite_version()').pluck().get())
  } finally {
    database.close()
  }
}
