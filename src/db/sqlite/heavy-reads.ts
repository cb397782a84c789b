import type { HeavyQueries, ReadOptions } from '../heavy.ts'
import { verifyAudit } from './audit-chain.ts'
import { storageError } from './errors.ts'
import { type Check, guardReads } from './guard.ts'
import { memoryOverview } from './memory.ts'
import { searchMemory, searchNotes } from './memory-search.ts'
import type { Connection } from './open.ts'
import { edgeOfNewest } from './retention.ts'
import { searchMessages } from './search.ts'
import { usage } from './usage.ts'

/**
 * A read that may take long, on a connection of its thread. Its scanning statements hold `stillWanted`; a loop of its own
 * over many rows calls `check` now and then.
 */
export type HeavyRead<Input, Result> = (connection: Connection, input: Input, check: Check) => Result

export type HeavyName = keyof HeavyQueries
export type HeavyInput<Name extends HeavyName> = Parameters<HeavyQueries[Name]>[0]
export type HeavyResult<Name extends HeavyName> = Awaited<ReturnType<HeavyQueries[Name]>>

/** Every heavy read of the store. */
export const heavyReads: { readonly [Name in HeavyName]: HeavyRead<HeavyInput<Name>, HeavyResult<Name>> } = {
  usage,
  search: searchMessages,
  edgeOfNewest,
  verifyAudit,
  searchMemory,
  searchNotes,
  memoryOverview,
}

/** Makes one read; all that its statements see is of one moment. */
export function performRead(connection: Connection, read: HeavyRead<never, unknown>, input: unknown, check: Check) {
  connection.prepared('BEGIN').run()
  try {
    // Whoever asked took the name and the input from the same row of the table, which no type carries across a thread.
    return read(connection, input as never, check)
  } finally {
    if (connection.database.inTransaction) connection.prepared('COMMIT').run()
  }
}

type Run = <Name extends HeavyName>(
  name: Name,
  input: HeavyInput<Name>,
  options?: ReadOptions,
) => Promise<HeavyResult<Name>>

/** The store's methods, over whatever makes the reads. */
export function createHeavyQueries(run: Run): HeavyQueries {
  return {
    usage: (query, options) => run('usage', query, options),
    search: (query, options) => run('search', query, options),
    edgeOfNewest: (query, options) => run('edgeOfNewest', query, options),
    verifyAudit: (query, options) => run('verifyAudit', query, options),
    searchMemory: (query, options) => run('searchMemory', query, options),
    searchNotes: (query, options) => run('searchNotes', query, options),
    memoryOverview: (query, options) => run('memoryOverview', query, options),
  }
}

/** The same in the thread that asks, for a program that has nothing else to do: no bound, no signal. */
export function heavyQueriesHere(connection: Connection): HeavyQueries {
  const check = () => undefined
  guardReads(connection, check)
  const run = async (name: HeavyName, input: unknown) => {
    try {
      return performRead(connection, heavyReads[name], input, check)
    } catch (thrown) {
      throw storageError(thrown)
    }
  }
  // The table pairs each name with its result.
  return createHeavyQueries(run as Run)
}
