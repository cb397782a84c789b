import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { spareBytesAt } from '../../../src/db/sqlite/kept-free.ts'
import { openWriter, prepareFile } from '../../../src/db/sqlite/open.ts'
import { freeBytesAt } from '../../../src/db/sqlite/peek.ts'
import { upgrade } from '../../../src/db/sqlite/schema.ts'
import { migrationsDir as shipped } from '../../support/store.ts'

// Upgrades a database on a small disk of its own: without room for the backup, with room for nothing but that, with room.
const [home = ''] = process.argv.slice(2)
// What a backup leaves free for others.
const spareBytes = spareBytesAt(home)
const file = join(home, 'gateway.db')
const filler = join(home, 'filler')
const place = { file, home, now: 1_000 }
prepareFile(file)
await upgrade({ ...place, migrationsDir: shipped })
const writer = openWriter(file)
writer.database.exec("INSERT INTO settings VALUES ('big', hex(zeroblob(1500000)), 1)")
writer.database.pragma('wal_checkpoint(TRUNCATE)')
writer.close()
const migrationsDir = join(home, 'migrations')
mkdirSync(migrationsDir)
cpSync(shipped, migrationsDir, { recursive: true })
const migration = join(migrationsDir, '9001-more.sql')
// More than a backup leaves free.
writeFileSync(
  migration,
  `CREATE TABLE more AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90)
   SELECT i, zeroblob(1000000) FROM n;`,
)
const before = readFileSync(file)

async function upgradeWith(freeBytes: number): Promise<unknown> {
  rmSync(filler, { force: true })
  writeFileSync(filler, Buffer.alloc(Math.max(0, freeBytesAt(home) - freeBytes)))
  const message = await upgrade({ ...place, migrationsDir }).then(
    ({ applied }) => applied,
    (error: Error) => error.message,
  )
  const database = new Database(file, { readonly: true })
  const verdict = database.pragma('integrity_check', { simple: true })
  database.close()
  return { message, verdict, same: readFileSync(file).equals(before) }
}

const noBackup = await upgradeWith(1_000_000)
const noUpgrade = await upgradeWith(before.length + spareBytes + 2_000_000)
writeFileSync(migration, 'CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;')
rmSync(join(home, 'backups'), { recursive: true })
const room = await upgradeWith(Number.POSITIVE_INFINITY)
process.stdout.write(JSON.stringify({ noBackup, noUpgrade, room }))
