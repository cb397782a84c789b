import { TalonError } from '../../protocol/errors.ts'
import type { Connection } from './open.ts'

export type Kind = 'entries' | 'notes' | 'tasks'

// A person reads some hundred of them, a search ranks this many in a tenth of a second.
const maxOfKind = 100_000
// As much as fifty thousand long notes: beyond it something writes that nobody reads.
const maxBytes = 1024 * 1024 * 1024

const numberOf = { entries: 'last_entry', notes: 'last_note', tasks: 'last_task' } as const
const wordsOf = { entries: 'entries in the memory', notes: 'notes', tasks: 'tasks' } as const
const routeOf = { entries: 'memory', notes: 'notes', tasks: 'tasks' } as const

interface StateRow {
  entries: number
  notes: number
  tasks: number
  pendingTasks: number
  bytes: number
}

export function memoryCounts(connection: Connection): StateRow {
  const row = connection
    .prepared<StateRow>(
      'SELECT entries, notes, tasks, pending_tasks AS pendingTasks, bytes FROM memory_state WHERE id = 1',
    )
    .get()
  if (!row) throw new Error('The counts of the memory are gone.')
  return row
}

/** A number for a new one, which is counted. @throws TalonError `CONFLICT` if there are as many as there may be */
export function nextNumber(connection: Connection, kind: Kind): number {
  if (memoryCounts(connection)[kind] >= maxOfKind) {
    const count = maxOfKind.toLocaleString('en')
    const advice = `Delete some that nobody needs: DELETE /api/v1/${routeOf[kind]}/:id`
    throw new TalonError('CONFLICT', `There are ${count} ${wordsOf[kind]} already. ${advice}`)
  }
  const column = numberOf[kind]
  const row = connection
    .prepared<{ number: number }>(
      `UPDATE memory_state SET ${column} = ${column} + 1, ${kind} = ${kind} + 1 WHERE id = 1 RETURNING ${column} AS number`,
    )
    .get()
  if (!row) throw new Error('The counts of the memory are gone.')
  return row.number
}

/** One less of a kind. */
export function uncount(connection: Connection, kind: Kind): void {
  connection.prepared(`UPDATE memory_state SET ${kind} = ${kind} - 1 WHERE id = 1`).run()
  // The words of the others are in an index.
  if (kind !== 'tasks') connection.prepared('UPDATE memory_state SET purge_steps = -1 WHERE id = 1').run()
}

export function countPending(connection: Connection, change: 1 | -1): void {
  connection.prepared('UPDATE memory_state SET pending_tasks = pending_tasks + ? WHERE id = 1').run(change)
}

/** Counts what texts take, or no longer take. @throws TalonError `TOO_LARGE` if that is more than there may be */
export function chargeBytes(connection: Connection, change: number): void {
  if (change > 0 && memoryCounts(connection).bytes + change > maxBytes) {
    throw new TalonError(
      'TOO_LARGE',
      `Memory, notes and tasks together may have ${maxBytes} bytes, and have them. Delete what nobody needs.`,
    )
  }
  connection.prepared('UPDATE memory_state SET bytes = bytes + ? WHERE id = 1').run(change)
}

/** An index got another part, which is to be merged with the others one day. */
export function noteMerging(connection: Connection): void {
  connection.prepared('UPDATE memory_state SET merging = 1 WHERE id = 1 AND merging = 0').run()
}

export function bytesOf(...texts: string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
}
