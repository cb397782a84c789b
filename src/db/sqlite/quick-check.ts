import type Database from 'better-sqlite3'

/** Rows of a statement, on whichever connection. */
export type All = <Row>(sql: string) => Row[]

/**
 * What is wrong with the pages of a database, table by table, at most so much; empty if nothing is. `quick_check` of a
 * whole database also counts every word of a full-text index anew, which takes twelve times as long; here the tables that
 * such an index is kept in are checked as all others are.
 */
export function pageFaults(all: All, maxFaults: number): string[] {
  const faults: string[] = []
  const tables = all<{ name: string }>(
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')",
  )
  for (const { name } of tables) {
    if (faults.length >= maxFaults) break
    faults.push(...faultsOf(all, name))
  }
  return faults.slice(0, maxFaults)
}

/** How `pageFaults` asks a connection of better-sqlite3. */
export function askAll(database: Database.Database): All {
  return <Row>(sql: string) => database.prepare<[], Row>(sql).all()
}

function faultsOf(all: All, table: string): string[] {
  try {
    return all<{ quick_check: string }>(`PRAGMA quick_check("${table.replaceAll('"', '""')}")`)
      .map(({ quick_check }) => quick_check)
      .filter(verdict => verdict !== 'ok')
  } catch (thrown) {
    // A page can be so far from what it should be that the check itself ends at it.
    return [`${table}: ${thrown instanceof Error ? thrown.message : String(thrown)}`]
  }
}
