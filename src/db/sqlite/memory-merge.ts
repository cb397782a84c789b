import { memoryCounts } from './memory-state.ts'
import type { Connection } from './open.ts'
import { changed, minPurgeSteps, pagesPerMerge, pagesPerPurge } from './search-merge.ts'

const indexes = ['memory_index', 'note_index'] as const
const rowsPerPurgeStep = 250

/** Merges the indexes of memory and notes, and takes the words of deleted ones out of them; true if there is more to do. */
export function tendMemoryIndexes(connection: Connection): boolean {
  const state = connection
    .prepared<{ purgeSteps: number }>(
      'SELECT purge_steps AS purgeSteps FROM memory_state WHERE id = 1 AND (merging = 1 OR purge_steps <> 0)',
    )
    .get()
  if (!state) return false
  return state.purgeSteps === 0 ? mergeStep(connection) : purgeStep(connection, state.purgeSteps)
}

function mergeStep(connection: Connection): boolean {
  const more = mergeBoth(connection, pagesPerMerge)
  if (!more) connection.prepared('UPDATE memory_state SET merging = 0 WHERE id = 1').run()
  return more
}

/** As `purgeIndex` does for messages. */
function purgeStep(connection: Connection, left: number): boolean {
  connection.database.pragma('secure_delete = ON')
  try {
    const steps = left < 0 ? stepsNeeded(connection) : left
    // Negative: all parts into one.
    const more = mergeBoth(connection, -pagesPerPurge)
    connection.prepared('UPDATE memory_state SET purge_steps = ? WHERE id = 1').run(more ? steps - 1 : 0)
    return more && steps > 1
  } finally {
    connection.database.pragma('secure_delete = OFF')
  }
}

function mergeBoth(connection: Connection, pages: number): boolean {
  return indexes.map(index => changed(connection, index, pages)).includes(true)
}

function stepsNeeded(connection: Connection): number {
  const { entries, notes } = memoryCounts(connection)
  return Math.ceil((entries + notes) / rowsPerPurgeStep) + minPurgeSteps
}
