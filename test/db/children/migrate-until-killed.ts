import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { migrate } from '../../../src/db/sqlite/migrate.ts'

// Migrates a database and kills itself when it is about to run its nth statement that writes, or after the last; without
// such a number it says how many there are. A statement that only reads leaves the file as the one before it did.
const [file = '', migrationsDir = '', last = ''] = process.argv.slice(2)
let statements = 0
const database = new Database(file, {
  verbose(sql) {
    if (/^\s*(SELECT|PRAGMA)\b/i.test(String(sql))) return
    statements += 1
    if (statements === Number(last)) process.kill(process.pid, 'SIGKILL')
  },
})
const connection = {
  database,
  statements: new Map(),
  prepared: () => {
    throw new Error('A migration prepares nothing for ever.')
  },
  close: () => database.close(),
}
await migrate(connection, { migrationsDir, backupsDir: join(dirname(file), 'backups'), now: 1_000 })
if (last !== '') process.kill(process.pid, 'SIGKILL')
process.stdout.write(String(statements))
