import { TalonError } from '../../protocol/errors.ts'
import { tagFacet } from '../search/facets.ts'
import { parseQuery, type Wanted } from '../search/query.ts'
import { snippetOf } from '../search/snippet.ts'
import type { Found, MemoryEntry, MemorySearch, Note } from '../store.ts'
import { type Check, stillWanted } from './guard.ts'
import { type EntryRow, toEntry } from './memory.ts'
import { type NoteRow, noteColumns, toNote } from './notes.ts'
import type { Connection } from './open.ts'
import { facets, wordsMatch } from './search-match.ts'

// What a search hands over of a long note; who needs the rest reads it.
const maxContentChars = 4_000

/** @throws TalonError `INVALID_MESSAGE` for a query that says nothing, or a filter that only messages have */
export function searchMemory(connection: Connection, input: MemorySearch, check: Check): Found<MemoryEntry> {
  const wanted = parse(input.query)
  const { rows, loose } = inTwoTries(wanted, match => entriesThat(connection, match, wanted, input.limit))
  return { hits: rows.map(row => shown(toEntry(row), row.text, wanted, check)), loose }
}

/** @throws TalonError as `searchMemory`; a query may be empty */
export function searchNotes(
  connection: Connection,
  { query, tag, limit }: MemorySearch & { tag?: string | undefined },
  check: Check,
): Found<Note & { chars: number }> {
  const wanted = query.trim() === '' ? nothingWanted : parse(query)
  const tagged = tag === undefined ? [] : [facets([tagFacet(tag)])]
  const { rows, loose } = inTwoTries(wanted, match => notesThat(connection, [...match, ...tagged], wanted, limit))
  const hits = rows.map(row => {
    const note = { ...toNote(row), content: row.content.slice(0, maxContentChars), chars: row.content.length }
    return shown(note, `${row.title}\n${row.content}`, wanted, check)
  })
  return { hits, loose }
}

const nothingWanted: Wanted = {
  all: [],
  none: [],
  only: { role: [], channel: [], session: [] },
  except: { role: [], channel: [], session: [] },
  after: undefined,
  before: undefined,
}

function parse(query: string): Wanted {
  const wanted = parseQuery(query)
  const filters = [...Object.entries(wanted.only), ...Object.entries(wanted.except)]
  const [name] = filters.find(([, values]) => values.length > 0) ?? []
  if (name === undefined) return wanted
  const advice = 'Leave it out, put it in quotes to look for these words, or use session_search.'
  throw new TalonError('INVALID_MESSAGE', `"${name}:" is about messages, not about what is looked in here. ${advice}`)
}

/** Whoever asks in a whole sentence uses words that no text has: where none has all of them, the best that has some. */
function inTwoTries<Row>(wanted: Wanted, find: (match: string[]) => Row[]): { rows: Row[]; loose: boolean } {
  const { all, none } = wanted
  const rows = find(all.length === 0 ? [] : [wordsMatch(all, none)])
  if (rows.length > 0 || all.length < 2) return { rows, loose: false }
  const some = find([wordsMatch([all.flat()], none)])
  return { rows: some, loose: some.length > 0 }
}

function entriesThat(connection: Connection, match: string[], wanted: Wanted, limit: number): EntryRow[] {
  const values = { ...valuesOf(wanted), limit }
  const columns = 'memory_entries.id, at, day, category, memory_entries.text, session_id, tainted'
  if (match.length === 0) {
    const sql = `SELECT ${columns} FROM memory_entries
      WHERE ${stillWanted('id')} AND ${dated('at')} ${except(wanted, 'memory_index', 'id')} ORDER BY id DESC LIMIT @limit`
    return connection.prepared<EntryRow>(sql).all(values)
  }
  return connection
    .prepared<EntryRow>(
      `SELECT ${columns} FROM
         (SELECT rowid AS found_id, bm25(memory_index) AS score FROM memory_index
          WHERE ${stillWanted('memory_index.rowid')} AND memory_index MATCH @match)
       CROSS JOIN memory_entries ON memory_entries.id = found_id
       WHERE ${dated('at')} ORDER BY score, found_id DESC LIMIT @limit`,
    )
    .all({ ...values, match: match.map(part => `(${part})`).join(' AND ') })
}

function notesThat(connection: Connection, match: string[], wanted: Wanted, limit: number): NoteRow[] {
  const values = { ...valuesOf(wanted), limit }
  const columns = noteColumns.replaceAll(/\b(id|title)\b/g, 'notes.$1')
  if (match.length === 0) {
    const sql = `SELECT ${columns} FROM notes
      WHERE ${stillWanted('id')} AND ${dated('updated_at')} ${except(wanted, 'note_index', 'id')}
      ORDER BY updated_at DESC, id DESC LIMIT @limit`
    return connection.prepared<NoteRow>(sql).all(values)
  }
  // A tag alone makes no note better than another.
  const score = wanted.all.length === 0 ? '0' : 'bm25(note_index, 2.0, 1.0, 0.0)'
  return connection
    .prepared<NoteRow>(
      `SELECT ${columns} FROM
         (SELECT rowid AS found_id, ${score} AS score FROM note_index
          WHERE ${stillWanted('note_index.rowid')} AND note_index MATCH @match)
       CROSS JOIN notes ON notes.id = found_id
       WHERE ${dated('updated_at')} ${except(wanted, 'note_index', 'found_id')} ORDER BY score, updated_at DESC, found_id DESC LIMIT @limit`,
    )
    .all({ ...values, match: match.map(part => `(${part})`).join(' AND ') })
}

/** Words that are not wanted, where none are: an index cannot say what is not in it. */
function except({ all, none }: Wanted, index: 'memory_index' | 'note_index', id: string): string {
  if (all.length > 0 || none.length === 0) return ''
  return `AND ${id} NOT IN (SELECT rowid FROM ${index} WHERE ${index} MATCH @none)`
}

function valuesOf({ after, before, none }: Wanted): Record<string, unknown> {
  return {
    none: none.length === 0 ? '' : wordsMatch([none], []),
    after: after ?? Number.MIN_SAFE_INTEGER,
    before: before ?? Number.MAX_SAFE_INTEGER,
  }
}

function dated(column: string): string {
  return `${column} >= @after AND ${column} < @before`
}

function shown<T>(found: T, text: string, wanted: Wanted, check: Check) {
  check()
  return { ...found, snippet: snippetOf(text, wanted) }
}
