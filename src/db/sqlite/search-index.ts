import type { Role } from '../../protocol/shapes.ts'
import { facetsOf } from '../search/facets.ts'
import { indexable } from '../search/words.ts'
import type { Connection } from './open.ts'
import type { Outcome } from './outcome.ts'

interface Unindexed {
  rowid: number
  sessionRowid: number
  channel: string
  role: Role
  timestamp: number
  content: string
  epoch: number
  seq: number
  importing: number
}

// What one step takes in: about five milliseconds. A message that is longer is a step of its own.
const maxCharsPerStep = 32_000
const maxRowsPerStep = 500
const maxTitlesPerStep = 100
// What a message costs beside its text.
const overheadChars = 60
// A longer text is found by its beginning: no message of a client is longer, only what was imported.
const maxIndexedChars = 1024 * 1024
const unindexedColumns =
  'messages.rowid, sessions.rowid AS sessionRowid, channel, role, timestamp, content, messages.epoch, messages.seq, importing'

/** Takes a part of what was committed into the indexes; true if there is more. */
export function indexMessages(connection: Connection): boolean {
  return indexTitles(connection) || indexNew(connection) || indexImported(connection)
}

/** The same as a command, for a search that waits for what was acknowledged before it. */
export function indexStep(connection: Connection): Outcome<{ more: boolean }> {
  return { result: { more: indexMessages(connection) }, changes: [] }
}

/** About how many messages are not in the index. */
export function unindexedMessages(connection: Connection): number {
  const row = connection
    .prepared<{ unindexed: number }>(
      `SELECT max(0, coalesce((SELECT max(rowid) FROM messages), 0) - messages_through)
         + coalesce((SELECT sum(message_count) FROM unindexed_sessions CROSS JOIN sessions ON sessions.rowid = session_rowid), 0)
         AS unindexed FROM search_state WHERE id = 1`,
    )
    .get()
  return row?.unindexed ?? 0
}

/** The rowid of the message that was committed last; 0 if there is none. */
export function newestMessage(connection: Connection): number {
  return connection.prepared<{ rowid: number | null }>('SELECT max(rowid) AS rowid FROM messages').get()?.rowid ?? 0
}

/** Whether a search would miss something that was committed up to this message. */
export function isBehind(connection: Connection, newest: number): boolean {
  const behind = connection
    .prepared(
      `SELECT 1 FROM search_state WHERE id = 1 AND (messages_through < ?
         OR EXISTS (SELECT 1 FROM unindexed_titles) OR EXISTS (SELECT 1 FROM unindexed_sessions))`,
    )
    .get(newest)
  return behind !== undefined
}

/** In the order of their rowids, which is that of their commits. What is still being imported comes when that is done. */
function indexNew(connection: Connection): boolean {
  const rows = connection
    .prepared<Unindexed>(
      `SELECT ${unindexedColumns} FROM messages CROSS JOIN sessions ON sessions.id = messages.session_id
       WHERE messages.rowid > (SELECT messages_through FROM search_state WHERE id = 1) ORDER BY messages.rowid LIMIT ${maxRowsPerStep}`,
    )
    .iterate()
  const taken = takeSome(rows)
  const last = taken.at(-1)
  if (!last) return false
  putAll(
    connection,
    taken.filter(({ importing }) => importing === 0),
  )
  connection.prepared('UPDATE search_state SET messages_through = ? WHERE id = 1').run(last.rowid)
  return true
}

/** One session after the other, each from where the last step ended. Newer messages of it come with all others. */
function indexImported(connection: Connection): boolean {
  const place = connection
    .prepared<{ sessionRowid: number; epoch: number; seq: number }>(
      'SELECT session_rowid AS sessionRowid, epoch, seq FROM unindexed_sessions ORDER BY session_rowid LIMIT 1',
    )
    .get()
  if (!place) return false
  const rows = connection
    .prepared<Unindexed>(
      `SELECT ${unindexedColumns} FROM sessions CROSS JOIN messages ON messages.session_id = sessions.id
       WHERE sessions.rowid = @sessionRowid AND (messages.epoch, messages.seq) > (@epoch, @seq)
       ORDER BY messages.epoch, messages.seq LIMIT ${maxRowsPerStep}`,
    )
    .iterate(place)
  const taken = takeSome(rows)
  const last = taken.at(-1)
  putAll(connection, taken)
  if (last) {
    connection
      .prepared('UPDATE unindexed_sessions SET epoch = ?, seq = ? WHERE session_rowid = ?')
      .run(last.epoch, last.seq, place.sessionRowid)
  } else connection.prepared('DELETE FROM unindexed_sessions WHERE session_rowid = ?').run(place.sessionRowid)
  return true
}

function indexTitles(connection: Connection): boolean {
  const titled = connection
    .prepared<{ sessionRowid: number; title: string | null }>(
      `SELECT session_rowid AS sessionRowid, title FROM unindexed_titles
       LEFT JOIN sessions ON sessions.rowid = session_rowid ORDER BY session_rowid LIMIT ${maxTitlesPerStep}`,
    )
    .all()
  const remove = connection.prepared('DELETE FROM title_index WHERE rowid = ?')
  const put = connection.prepared('INSERT INTO title_index (rowid, title) VALUES (?, ?)')
  const done = connection.prepared('DELETE FROM unindexed_titles WHERE session_rowid = ?')
  for (const { sessionRowid, title } of titled) {
    remove.run(sessionRowid)
    if (title !== null) put.run(sessionRowid, indexable(title))
    done.run(sessionRowid)
  }
  return titled.length > 0
}

/** Read to an end before anything is written: a connection does one at a time. */
function takeSome(rows: Iterable<Unindexed>): Unindexed[] {
  const taken: Unindexed[] = []
  let chars = 0
  for (const row of rows) {
    taken.push(row)
    chars += row.content.length + overheadChars
    if (chars >= maxCharsPerStep) break
  }
  return taken
}

function putAll(connection: Connection, rows: readonly Unindexed[]): void {
  // A message that is there already, because its session was imported before its rowid was reached, is put anew.
  const put = connection.prepared('INSERT OR REPLACE INTO message_index (rowid, text, facets) VALUES (?, ?, ?)')
  for (const row of rows) put.run(row.rowid, indexable(row.content.slice(0, maxIndexedChars)), facetsOf(row))
}
