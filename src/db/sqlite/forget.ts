import type { Forgettable } from '../store.ts'
import { forgetFact, forgetPersona } from './documents.ts'
import { bytesOf, chargeBytes, uncount } from './memory-state.ts'
import { forgetNote } from './notes.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'
import { forgetTask } from './tasks.ts'

/** Overwrites what a person wants gone; false if there is nothing of that name. */
export function forget(connection: Connection, { what }: CommandInput<'forget'>): Outcome<boolean> {
  connection.database.pragma('secure_delete = ON')
  try {
    return { result: forgetOne(connection, what), changes: [] }
  } finally {
    connection.database.pragma('secure_delete = OFF')
  }
}

function forgetOne(connection: Connection, what: Forgettable): boolean {
  switch (what.kind) {
    case 'fact':
      return forgetFact(connection, what.key)
    case 'persona':
      return forgetPersona(connection)
    case 'memory':
      return counted(connection, 'entries', forgetEntry(connection, what.id))
    case 'note':
      return counted(connection, 'notes', forgetNote(connection, what.id))
    case 'task':
      return counted(connection, 'tasks', forgetTask(connection, what.id))
  }
}

function counted(connection: Connection, kind: 'entries' | 'notes' | 'tasks', gone: boolean): boolean {
  if (gone) uncount(connection, kind)
  return gone
}

function forgetEntry(connection: Connection, id: number): boolean {
  const row = connection.prepared<{ text: string }>('DELETE FROM memory_entries WHERE id = ? RETURNING text').get(id)
  if (!row) return false
  chargeBytes(connection, -bytesOf(row.text))
  connection.prepared('DELETE FROM memory_index WHERE rowid = ?').run(id)
  return true
}
