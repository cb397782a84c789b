import type { Connection } from './open.ts'

/** Throws if nobody waits for the read any more. */
export type Check = () => void

const guardName = 'still_wanted'
// A look at every row costs a scan two fifths more time, one at every 1024th a twentieth.
const rowsPerCheck = 1_024

/**
 * Makes the reads of a connection stoppable. SQLite is compiled without interrupt and progress handler, and native code
 * cannot be ended from outside: only a function that a statement calls itself can end it.
 */
export function guardReads(connection: Connection, check: Check): void {
  connection.database.function(guardName, () => {
    check()
    return 1
  })
}

/**
 * A condition that is always true, for the WHERE of a statement that scans; it ends the statement where nobody waits.
 * Put first, so that it is looked at for rows that other conditions refuse.
 * @param rowid expression of the scanned table's rowid, such as `messages.rowid`
 */
export function stillWanted(rowid: string): string {
  return `iif(${rowid} % ${rowsPerCheck} = 0, ${guardName}(), 1)`
}
