import type { Connection } from './open.ts'
import { isBehind, newestMessage } from './search-index.ts'

// About five milliseconds of writing.
export const pagesPerMerge = 32
export const pagesPerPurge = 16
// A purge writes a whole index anew, some 500 messages in a step. It begins again where something new comes between, so
// that twice the steps are enough unless a gateway is never idle; then the rest goes with the merges of later days.
const messagesPerPurgeStep = 250
export const minPurgeSteps = 100

/** Merges parts of the index, which grow by one with every step that adds to it; true if there is more to merge. */
export function mergeIndex(connection: Connection): boolean {
  return changed(connection, 'message_index', pagesPerMerge)
}

/**
 * Takes the words of erased messages out of the indexes: they are only marked there, until the parts that hold them are
 * merged. True if there is more to do.
 */
export function purgeIndex(connection: Connection): boolean {
  const left = connection
    .prepared<{ steps: number }>('SELECT purge_steps AS steps FROM search_state WHERE id = 1 AND purge_steps <> 0')
    .get()?.steps
  // What is new goes first: a purge would have to begin again with it.
  if (left === undefined || isBehind(connection, newestMessage(connection))) return false
  connection.database.pragma('secure_delete = ON')
  try {
    const steps = left < 0 ? stepsNeeded(connection) : left
    // Negative: all parts into one.
    const messages = changed(connection, 'message_index', -pagesPerPurge)
    const more = changed(connection, 'title_index', -pagesPerPurge) || messages
    connection.prepared('UPDATE search_state SET purge_steps = ? WHERE id = 1').run(more ? steps - 1 : 0)
    return more && steps > 1
  } finally {
    connection.database.pragma('secure_delete = OFF')
  }
}

function stepsNeeded(connection: Connection): number {
  const row = connection.prepared<{ messages: number }>('SELECT messages FROM counts WHERE id = 1').get()
  return Math.ceil((row?.messages ?? 0) / messagesPerPurgeStep) + minPurgeSteps
}

/** Merges up to so many pages; false if nothing was left to merge, which FTS5 tells by changing fewer than two rows. */
export function changed(
  connection: Connection,
  index: 'message_index' | 'title_index' | 'memory_index' | 'note_index',
  pages: number,
): boolean {
  const total = connection.prepared<{ changes: number }>('SELECT total_changes() AS changes')
  const before = total.get()?.changes ?? 0
  connection.prepared(`INSERT INTO ${index} (${index}, rank) VALUES ('merge', ?)`).run(pages)
  return (total.get()?.changes ?? 0) - before >= 2
}
