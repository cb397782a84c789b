import type { Attachment } from '../store.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'

// A tool makes one in a call. More of them than this are too many for a list, whatever their size.
const maxOfSession = 1_000
// The sum over so many takes a millisecond or two.
const maxInAll = 10_000
// What one step removes at most: others must not wait long behind it.
const maxRowsPerStep = 1_000

interface AttachmentRow {
  id: string
  session_id: string | null
  invocation_id: string
  name: string
  mime: string
  bytes: number
  sha256: string
  created_at: number
}

const columns = 'id, session_id, invocation_id, name, mime, bytes, sha256, created_at'

/** Adds one, and removes the oldest, of its session and of all, beyond what they may take. */
export function addAttachment(
  connection: Connection,
  { bounds, ...input }: CommandInput<'addAttachment'>,
): Outcome<{ removed: string[] }> {
  const { id, sessionId, invocationId, name, mime, bytes, sha256, createdAt } = input
  connection
    .prepared(`INSERT INTO attachments (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
    .run(id, sessionId, invocationId, name, mime, bytes, sha256, createdAt)
  const removed: string[] = []
  if (sessionId !== null) {
    const ofSession = connection.prepared<Size>(
      'SELECT id, bytes FROM attachments WHERE session_id = ? ORDER BY created_at DESC, id DESC',
    )
    const size = { items: maxOfSession, bytes: bounds.sessionBytes }
    removed.push(...removeAll(connection, beyond(ofSession.iterate(sessionId), size, id)))
  }
  const all = connection.prepared<Size>('SELECT id, bytes FROM attachments ORDER BY created_at DESC, id DESC')
  removed.push(...removeAll(connection, beyond(all.iterate(), { items: maxInAll, bytes: bounds.totalBytes }, id)))
  return { result: { removed: [...new Set(removed)] }, changes: [] }
}

interface Size {
  id: string
  bytes: number
}

/** Ids of the rows, newest first, that do not fit any more; the new one always does. */
function beyond(rows: Iterable<Size>, room: { items: number; bytes: number }, added: string): string[] {
  const ids: string[] = []
  let { items, bytes } = room
  for (const row of rows) {
    items -= 1
    bytes -= row.bytes
    if ((items < 0 || bytes < 0) && row.id !== added) ids.push(row.id)
  }
  return ids
}

function removeAll(connection: Connection, ids: readonly string[]): string[] {
  const remove = connection.prepared<{ sha256: string }>('DELETE FROM attachments WHERE id = ? RETURNING sha256')
  return ids.flatMap(id => remove.get(id)?.sha256 ?? [])
}

export function pruneAttachments(
  connection: Connection,
  { before }: CommandInput<'pruneAttachments'>,
): Outcome<{ removed: number; more: boolean }> {
  const { changes } = connection
    .prepared(
      'DELETE FROM attachments WHERE rowid IN (SELECT rowid FROM attachments WHERE created_at < ? ORDER BY created_at LIMIT ?)',
    )
    .run(before, maxRowsPerStep)
  return { result: { removed: changes, more: changes === maxRowsPerStep }, changes: [] }
}

export function getAttachment(connection: Connection, id: string): Attachment | undefined {
  const row = connection
    .prepared<AttachmentRow>(
      `SELECT ${columns} FROM attachments WHERE id = ? AND (session_id IS NULL
         OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = session_id AND deleted_at IS NULL))`,
    )
    .get(id)
  return row && toAttachment(row)
}

export function listAttachments(connection: Connection, sessionId: string): Attachment[] {
  return connection
    .prepared<AttachmentRow>(
      `SELECT ${columns} FROM attachments WHERE session_id = ? ORDER BY created_at DESC, id DESC LIMIT ${maxOfSession}`,
    )
    .all(sessionId)
    .map(toAttachment)
}

export function keptContents(connection: Connection, hashes: readonly string[]): string[] {
  const find = connection.prepared('SELECT 1 FROM attachments WHERE sha256 = ? LIMIT 1')
  return hashes.filter(hash => find.get(hash) !== undefined)
}

function toAttachment(row: AttachmentRow): Attachment {
  return {
    id: row.id,
    sessionId: row.session_id,
    invocationId: row.invocation_id,
    name: row.name,
    mime: row.mime,
    bytes: row.bytes,
    sha256: row.sha256,
    createdAt: row.created_at,
  }
}
