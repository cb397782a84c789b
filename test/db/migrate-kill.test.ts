import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { afterAll, expect, test } from 'vitest'
import { readMigrations } from '../../src/db/sqlite/migrate.ts'
import { upgrade } from '../../src/db/sqlite/schema.ts'
import { migrationsDir as shipped, temporaryHome } from '../support/store.ts'

const child = fileURLToPath(new URL('./children/migrate-until-killed.ts', import.meta.url))
const names = readMigrations(shipped).map(({ name }) => name)
const place = temporaryHome()
afterAll(() => place.remove())

test.each(names)(
  'killed at any statement of %s, a start finds the schema before it or after it and goes on',
  async name => {
    const at = names.indexOf(name)
    const [before, after] = [folderOf(at), folderOf(at + 1)]
    const filled = await filledDatabase(name, before)
    await killEverywhere({ name, filled, migrationsDir: after, every: 1 })
  },
  300_000,
)

test('killed anywhere in an upgrade over several versions, a start finds the first or the last and goes on', async () => {
  const filled = await filledDatabase('all', folderOf(1))
  await killEverywhere({ name: 'all', filled, migrationsDir: folderOf(names.length), every: 3 })
}, 300_000)

/** A folder with the first migrations only. */
function folderOf(count: number): string {
  const folder = join(place.home, `migrations-${count}`)
  mkdirSync(folder, { recursive: true })
  for (const name of names.slice(0, count)) cpSync(join(shipped, `${name}.sql`), join(folder, `${name}.sql`))
  return folder
}

async function killEverywhere(input: { name: string; filled: string; migrationsDir: string; every: number }) {
  const { name, filled, migrationsDir, every } = input
  const old = contentOf(filled)
  const whole = copyOf(filled, `${name}-whole`)
  const { stdout } = await run(whole, migrationsDir, '')
  const statements = Number(stdout)
  expect(statements).toBeGreaterThan(3)
  const fresh = contentOf(whole)
  expect(fresh).not.toBe(old)
  const found = new Set<string>()
  const moments = Array.from(
    { length: Math.ceil((statements + 1) / every) },
    (_, index) => statements + 1 - index * every,
  )
  const killAt = async (moment: number) => {
    const file = copyOf(filled, `${name}-${moment}`)
    expect(await run(file, migrationsDir, moment)).toMatchObject({ signal: 'SIGKILL' })
    const content = contentOf(file)
    expect([old, fresh]).toContain(content)
    found.add(content)
    await upgrade({ file, home: join(file, '..'), migrationsDir, now: 1_000 })
    expect(contentOf(file)).toBe(fresh)
    rmSync(join(file, '..'), { recursive: true })
  }
  // Two at a time: each is a process of its own that mostly starts.
  const lane = async () => {
    for (let moment = moments.shift(); moment !== undefined; moment = moments.shift()) await killAt(moment)
  }
  await Promise.all([lane(), lane()])
  expect(found).toEqual(new Set([old, fresh]))
}

function copyOf(file: string, name: string): string {
  const folder = join(place.home, name)
  mkdirSync(folder)
  const copy = join(folder, 'gateway.db')
  if (existsSync(file)) copyFileSync(file, copy)
  return copy
}

function run(file: string, migrationsDir: string, moment: number | '') {
  return new Promise<{ stdout: string; signal: unknown }>((resolve, reject) => {
    execFile(process.execPath, [child, file, migrationsDir, String(moment)], (error, stdout, stderr) => {
      if (error && error.signal !== 'SIGKILL') reject(new Error(stderr))
      else resolve({ stdout, signal: error?.signal })
    })
  })
}

/** A database of an earlier version with a row in every table that takes one. */
async function filledDatabase(name: string, migrationsDir: string): Promise<string> {
  const file = copyOf('', `${name}-filled`)
  const database = new Database(file)
  database.pragma('journal_mode = WAL')
  if (readdirSync(migrationsDir).length > 0) {
    await upgrade({ file, home: join(file, '..'), migrationsDir, now: 500 })
    database.pragma('foreign_keys = OFF')
    for (let count = 1; count <= 3; count++) for (const table of tablesOf(database)) fill(database, table, count)
    repairReferences(database)
    for (const table of ['sessions', 'messages', 'runs', 'tokens']) {
      expect(database.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(3)
    }
  }
  database.close()
  return file
}

/** A row that says no more than its columns' types and rules demand; a table with further rules stays as it is. */
function fill(database: Database.Database, table: string, count: number): void {
  const columns = database
    .prepare<[string], { name: string; type: string; notnull: number; pk: number; dflt_value: unknown }>(
      'SELECT * FROM pragma_table_info(?)',
    )
    .all(table)
    .filter(
      ({ name, notnull, pk, dflt_value }) =>
        `${table}.${name}` in known || name in known || ((notnull || pk) && dflt_value === null),
    )
  const values = columns.map(
    ({ name, type }) => known[`${table}.${name}`] ?? known[name] ?? (type === 'INTEGER' ? count : `${name} ${count}`),
  )
  const marks = columns.map(() => '?').join()
  try {
    database
      .prepare(`INSERT OR IGNORE INTO "${table}" (${columns.map(({ name }) => `"${name}"`).join()}) VALUES (${marks})`)
      .run(values)
  } catch {
    // Such as a check of values that this test does not know.
  }
}

const known: Record<string, string | number> = {
  'sessions.state': 'idle',
  'runs.state': 'queued',
  role: 'user',
  session_id: 'id 1',
  epoch: 1,
}

function repairReferences(database: Database.Database): void {
  for (const row of database.prepare<[], { table: string; rowid: number }>('PRAGMA foreign_key_check').all()) {
    database.prepare(`DELETE FROM "${row.table}" WHERE rowid = ?`).run(row.rowid)
  }
}

/** Without what is inside a full-text index. */
function tablesOf(database: Database.Database): string[] {
  return database
    .prepare<[], string>("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name")
    .pluck()
    .all()
    .filter(name => !name.startsWith('sqlite_') && name !== 'migrations')
}

/** Everything that a database says, after a look at its soundness. */
function contentOf(file: string): string {
  const database = new Database(file)
  try {
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(database.pragma('foreign_key_check')).toEqual([])
    const hash = createHash('sha256')
    const schema = database.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all()
    hash.update(JSON.stringify(schema))
    for (const table of tablesOf(database)) {
      // Random, so that the chain of each database is its own.
      if (table === 'audit_genesis') continue
      // As text, because a table without rowids has no other order that all have.
      const rows = database.prepare(`SELECT * FROM "${table}"`).all()
      hash.update(JSON.stringify(rows.map(row => JSON.stringify(row)).sort()))
    }
    return hash.digest('hex')
  } finally {
    database.close()
  }
}
