import type Database from 'better-sqlite3'
import { askAll, pageFaults } from './quick-check.ts'

/** How many rows each table holds. */
export type Stock = ReadonlyMap<string, number>

// In its comments a migration says of which tables it means to lose rows, or all.
const dropsLine = /^-- drops: *(.+)$/gm

/** Counts the rows of every table but SQLite's own and those inside a full-text index. */
export function takeStock(database: Database.Database): Stock {
  const tables = database
    .prepare<[], string>(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .pluck()
    .all()
  const count = (table: string) =>
    database
      .prepare<[], number>(`SELECT count(*) FROM "${table.replaceAll('"', '""')}"`)
      .pluck()
      .get() ?? 0
  return new Map(tables.map(table => [table, count(table)]))
}

/**
 * Compares what a migration left with what was there before.
 * @throws Error that names the table which lost rows without a `-- drops: <table>` in the migration
 */
export function checkStock(before: Stock, after: Stock, sql: string): void {
  const dropped = new Set(tablesToDrop(sql))
  for (const [table, rows] of before) {
    if (dropped.has(table)) continue
    const left = after.get(table)
    if (left === undefined) throw new Error(`it drops the table ${table}, and has no line "-- drops: ${table}"`)
    if (left < rows) {
      throw new Error(`it loses ${rows - left} of ${rows} rows of ${table}, and has no line "-- drops: ${table}"`)
    }
  }
}

/** @throws Error that names a row which refers to nothing */
export function checkReferences(database: Database.Database): void {
  const broken = database
    .prepare('SELECT "table" AS "from", parent AS "to" FROM pragma_foreign_key_check LIMIT 1')
    .get()
  if (broken !== undefined) throw new Error(`it leaves rows that refer to nothing: ${JSON.stringify(broken)}`)
}

/** @throws Error with the first thing that is wrong in the file */
export function checkPages(database: Database.Database): void {
  const [fault] = pageFaults(askAll(database), 1)
  if (fault !== undefined) throw new Error(`the database is damaged: ${fault}`)
}

function tablesToDrop(sql: string): string[] {
  return [...sql.matchAll(dropsLine)].flatMap(([, names = '']) => names.split(',').map(name => name.trim()))
}
