import { tagFacet } from '../search/facets.ts'
import { indexable, normal } from '../search/words.ts'
import type { Note, NoteItem } from '../store.ts'
import { readPlace, writePlace } from './cursor.ts'
import { bytesOf, chargeBytes, nextNumber, noteMerging } from './memory-state.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'

// Older versions of a note go.
const maxVersions = 10

export interface NoteRow {
  id: number
  title: string
  content: string
  tags: string
  version: number
  updated_at: number
  tainted: number
}

export const noteColumns = 'id, title, content, tags, version, updated_at, tainted'

/** A title that is there already gets a new version. */
export function saveNote(
  connection: Connection,
  input: CommandInput<'saveNote'>,
): Outcome<{ id: number; version: number }> {
  const { title, content, at, sessionId, tainted } = input
  const old = byTitle(connection, title)
  const tags = JSON.stringify(input.tags ?? (old ? JSON.parse(old.tags) : []))
  const id = old?.id ?? nextNumber(connection, 'notes')
  const version = (old?.version ?? 0) + 1
  chargeBytes(connection, bytesOf(title, content, tags))
  if (old) keepVersion(connection, old)
  connection
    .prepared(
      `INSERT INTO notes (id, title, title_key, content, tags, version, created_at, updated_at, session_id, tainted)
       VALUES (@id, @title, @key, @content, @tags, @version, @at, @at, @sessionId, @tainted)
       ON CONFLICT (id) DO UPDATE SET title = excluded.title, content = excluded.content, tags = excluded.tags,
         version = excluded.version, updated_at = excluded.updated_at, session_id = excluded.session_id,
         tainted = excluded.tainted`,
    )
    .run({ id, title, key: titleKey(title), content, tags, version, at, sessionId, tainted: Number(tainted) })
  connection
    .prepared('INSERT OR REPLACE INTO note_index (rowid, title, text, facets) VALUES (?, ?, ?, ?)')
    .run(id, indexable(title), indexable(content), tagsOf(tags).map(tagFacet).join(' '))
  noteMerging(connection)
  return { result: { id, version }, changes: [] }
}

export function getNote(connection: Connection, id: number, version?: number): Note | undefined {
  const row = connection.prepared<NoteRow>(`SELECT ${noteColumns} FROM notes WHERE id = ?`).get(id)
  if (!row || version === undefined || row.version === version) return row && toNote(row)
  const old = connection
    .prepared<NoteRow>(
      `SELECT note_id AS id, title, content, tags, version, updated_at, tainted FROM note_versions
       WHERE note_id = ? AND version = ?`,
    )
    .get(id, version)
  return old && toNote(old)
}

export function findNote(connection: Connection, title: string): Note | undefined {
  const row = byTitle(connection, title)
  return row && toNote(row)
}

/** Newest first. */
export function listNotes(
  connection: Connection,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): { notes: NoteItem[]; nextCursor: string | null } {
  const [updatedAt, id] = cursor === undefined ? [Number.MAX_SAFE_INTEGER, 0] : readPlace(cursor, 'notes')
  const rows = connection
    .prepared<Omit<NoteRow, 'content'> & { chars: number }>(
      `SELECT id, title, length(content) AS chars, tags, version, updated_at, tainted FROM notes
       WHERE (updated_at, id) < (?, ?) ORDER BY updated_at DESC, id DESC LIMIT ?`,
    )
    .all(updatedAt, id, limit + 1)
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const nextCursor = rows.length > limit && last ? writePlace('notes', last.updated_at, last.id) : null
  return { notes: page.map(toItem), nextCursor }
}

export function forgetNote(connection: Connection, id: number): boolean {
  const row = connection.prepared<NoteRow>(`SELECT ${noteColumns} FROM notes WHERE id = ?`).get(id)
  if (!row) return false
  const { bytes } = connection
    .prepared<{ bytes: number }>(
      'SELECT ifnull(sum(octet_length(title) + octet_length(content) + octet_length(tags)), 0) AS bytes FROM note_versions WHERE note_id = ?',
    )
    .get(id) ?? { bytes: 0 }
  chargeBytes(connection, -bytes - bytesOf(row.title, row.content, row.tags))
  connection.prepared('DELETE FROM note_index WHERE rowid = ?').run(id)
  return connection.prepared('DELETE FROM notes WHERE id = ?').run(id).changes === 1
}

export function toNote({ updated_at, tainted, tags, ...row }: NoteRow): Note {
  return { ...row, tags: tagsOf(tags), updatedAt: updated_at, tainted: tainted === 1 }
}

function toItem({ updated_at, tainted, tags, ...row }: Omit<NoteRow, 'content'> & { chars: number }): NoteItem {
  return { ...row, tags: tagsOf(tags), updatedAt: updated_at, tainted: tainted === 1 }
}

function tagsOf(text: string): string[] {
  // Written above from an array of strings.
  return JSON.parse(text) as string[]
}

function byTitle(connection: Connection, title: string): NoteRow | undefined {
  return connection.prepared<NoteRow>(`SELECT ${noteColumns} FROM notes WHERE title_key = ?`).get(titleKey(title))
}

function titleKey(title: string): string {
  return normal(title).trim().replace(/\s+/gu, ' ').toLowerCase()
}

/** Keeps what a note was, and drops what it was long ago. */
function keepVersion(connection: Connection, old: NoteRow): void {
  connection
    .prepared(
      `INSERT INTO note_versions (note_id, version, title, content, tags, updated_at, tainted)
       SELECT id, version, title, content, tags, updated_at, tainted FROM notes WHERE id = ?`,
    )
    .run(old.id)
  const gone = connection
    .prepared<{ title: string; content: string; tags: string }>(
      'DELETE FROM note_versions WHERE note_id = ? AND version <= ? RETURNING title, content, tags',
    )
    .all(old.id, old.version - maxVersions)
  for (const { title, content, tags } of gone) chargeBytes(connection, -bytesOf(title, content, tags))
}
