import type { Change } from '../store.ts'
import { type CommandName, commands } from './commands.ts'
import { engineError, type WireError, writeError } from './errors.ts'
import type { Connection } from './open.ts'
import type { Command } from './outcome.ts'

/** A command on its way to the writer. */
export interface Order {
  name: CommandName
  input: unknown
}

export type Settled = { ok: true; result: unknown } | { ok: false; error: WireError }

/** What became of a batch: one result per order, in order, and all changes of the commit. */
export interface Receipt {
  settled: Settled[]
  changes: Change[]
  committed: boolean
  /** The number of this commit; undefined if it changed nothing. */
  commit?: number | undefined
}

/**
 * Does all orders in one transaction with one sync of the disk. An order that throws loses only its own writes; if the
 * transaction itself fails, nothing of the batch happened and every order is refused.
 */
export function commitBatch(connection: Connection, orders: readonly Order[]): Receipt {
  try {
    // Savepoints cost a sixth of the time, and nearly every batch does without: one that fails is done again with them.
    return transact(connection, orders, act) ?? transact(connection, orders, actAlone) ?? refuseAll(orders, 'unknown')
  } catch (thrown) {
    if (connection.database.inTransaction) connection.prepared('ROLLBACK').run()
    return refuseAll(orders, thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown')
  }
}

type Act = (connection: Connection, order: Order) => { settled: Settled; changes: Change[] } | undefined

/** Undefined if an order failed that cannot be undone alone; then nothing happened. */
function transact(connection: Connection, orders: readonly Order[], perform: Act): Receipt | undefined {
  connection.prepared('BEGIN IMMEDIATE').run()
  const written = rowsWritten(connection)
  const receipt: Receipt = { settled: [], changes: [], committed: true }
  for (const order of orders) {
    const done = perform(connection, order)
    if (!done) {
      connection.prepared('ROLLBACK').run()
      return undefined
    }
    receipt.settled.push(done.settled)
    for (const change of done.changes) receipt.changes.push(change)
  }
  // A batch of repeats writes nothing, and its number must not be what the disk is synced for.
  if (rowsWritten(connection) !== written) receipt.commit = countCommit(connection)
  connection.prepared('COMMIT').run()
  return receipt
}

function rowsWritten(connection: Connection): number {
  return connection.prepared<number>('SELECT total_changes()').pluck().get() ?? 0
}

function countCommit(connection: Connection): number | undefined {
  return connection
    .prepared<number>('UPDATE counts SET commits = commits + 1 WHERE id = 1 RETURNING commits')
    .pluck()
    .get()
}

function act(connection: Connection, order: Order): ReturnType<Act> {
  try {
    return obey(connection, order)
  } catch (thrown) {
    if (!connection.database.inTransaction) throw thrown
    return undefined
  }
}

function actAlone(connection: Connection, order: Order): ReturnType<Act> {
  connection.prepared('SAVEPOINT command').run()
  try {
    const done = obey(connection, order)
    connection.prepared('RELEASE command').run()
    return done
  } catch (thrown) {
    // A full disk or a failing one ends the transaction from below.
    if (!connection.database.inTransaction) throw thrown
    connection.prepared('ROLLBACK TO command').run()
    connection.prepared('RELEASE command').run()
    return { settled: { ok: false, error: writeError(thrown) }, changes: [] }
  }
}

function obey(connection: Connection, order: Order): { settled: Settled; changes: Change[] } {
  // The queue pairs each name with its own input, which the compiler cannot follow through a message.
  const command = commands[order.name] as Command<unknown, unknown>
  const { result, changes } = command(connection, order.input)
  return { settled: { ok: true, result }, changes }
}

function refuseAll(orders: readonly Order[], code: string): Receipt {
  const error = writeError(engineError(code))
  return { settled: orders.map(() => ({ ok: false, error })), changes: [], committed: false }
}
