import { listAnew } from './lists.ts'
import { tendMemoryIndexes } from './memory-merge.ts'
import type { Connection } from './open.ts'
import { indexMessages } from './search-index.ts'
import { mergeIndex, purgeIndex } from './search-merge.ts'

/**
 * Work that follows from commits and that nobody waits for, done by the writer when it is idle, and now and then when
 * it never is. One step takes a few milliseconds at most and is one transaction of its own.
 * @returns whether another step would find something to do
 */
export type Chore = (connection: Connection) => boolean

/** In the order in which they are done. */
export const chores: readonly Chore[] = [listAnew, indexMessages, mergeIndex, purgeIndex, tendMemoryIndexes]

// What does not add to the file; an index and its merges take space that is kept free for what ends or removes something.
const choresInMargin: readonly Chore[] = [listAnew]

/**
 * Does one step of each chore, or while space is low of those that take none; true if any has more to do. A step that
 * fails is undone and waits for the next commit.
 */
export function doChores(connection: Connection, { low = false } = {}): boolean {
  let more = false
  for (const chore of low ? choresInMargin : chores) more = step(connection, chore) || more
  return more
}

function step(connection: Connection, chore: Chore): boolean {
  try {
    connection.prepared('BEGIN IMMEDIATE').run()
    const more = chore(connection)
    connection.prepared('COMMIT').run()
    return more
  } catch {
    // Nobody waits for it, and a disk that fails is noticed by those who do.
    if (connection.database.inTransaction) connection.prepared('ROLLBACK').run()
    return false
  }
}
