import type { Message, Role, ToolCall, Usage } from '../../protocol/shapes.ts'
import type { HistoryQuery, LogEntry } from '../store.ts'
import { basesBetween } from './bases.ts'
import { sessionNotFound } from './errors.ts'
import type { Connection } from './open.ts'

export interface MessageRow {
  id: string
  session_id: string
  role: Role
  content: string
  timestamp: number
  token_usage: string | null
  epoch: number
  seq: number
  tool_calls: string | null
  tool_call_id: string | null
  run_id: string | null
  final: number
  incomplete: number
  model: string | null
  sender_name: string | null
}

/** An entry about to be appended; everything but its place in the log. */
export interface NewEntry {
  id: string
  role: Role
  content: string
  at: number
  runId: string
  senderName?: string | undefined
  toolCalls?: ToolCall[] | undefined
  toolCallId?: string | undefined
  usage?: Usage | undefined
  model?: string | undefined
  final?: boolean | undefined
  incomplete?: boolean | undefined
  tokenId?: string | undefined
  requestId?: string | undefined
  requestHash?: string | undefined
}

const messageColumns =
  'id, session_id, role, content, timestamp, token_usage, epoch, seq, tool_calls, tool_call_id, run_id, final, incomplete, model, sender_name'

// What an entry weighs in a page beside its text: ids, names of fields, numbers.
export const entryOverheadBytes = 300

/** Writes an entry at its place, which the caller took from the session in the same transaction. */
export function insertEntry(
  connection: Connection,
  place: { sessionId: string; epoch: number; seq: number },
  entry: NewEntry,
): LogEntry {
  connection
    .prepared(
      `INSERT INTO messages (${messageColumns}, token_id, request_id, request_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      entry.id,
      place.sessionId,
      entry.role,
      entry.content,
      entry.at,
      entry.usage === undefined ? null : JSON.stringify(entry.usage),
      place.epoch,
      place.seq,
      entry.toolCalls === undefined ? null : JSON.stringify(entry.toolCalls),
      entry.toolCallId ?? null,
      entry.runId,
      Number(entry.final ?? false),
      Number(entry.incomplete ?? false),
      entry.model ?? null,
      entry.senderName ?? null,
      entry.tokenId ?? null,
      entry.requestId ?? null,
      entry.requestHash ?? null,
    )
  return { ...place, message: toNewMessage(place.seq, entry), final: entry.final ?? false }
}

/** The next seq of an epoch that is not the session's current one. */
export function nextSeq(connection: Connection, sessionId: string, epoch: number): number {
  const newest = connection
    .prepared<{ seq: number }>('SELECT seq FROM messages WHERE session_id = ? AND epoch = ? ORDER BY seq DESC LIMIT 1')
    .get(sessionId, epoch)
  if (newest || epoch !== 1) return (newest?.seq ?? 0) + 1
  const fork = connection.prepared<{ seq: number }>('SELECT base_seq AS seq FROM sessions WHERE id = ?').get(sessionId)
  return (fork?.seq ?? 0) + 1
}

/**
 * A page of one epoch in ascending order: upward from `after`, else the newest before `before`.
 * @throws TalonError `SESSION_NOT_FOUND`.
 */
export function history(connection: Connection, query: HistoryQuery): { entries: LogEntry[]; hasMore: boolean } {
  const log = connection
    .prepared<{ baseSeq: number }>('SELECT base_seq AS baseSeq FROM sessions WHERE id = ? AND deleted_at IS NULL')
    .get(query.sessionId)
  if (!log) throw sessionNotFound(query.sessionId)
  const { sessionId, epoch, after = 0, before = Number.MAX_SAFE_INTEGER } = query
  const upward = query.after !== undefined
  const range = { sessionId, epoch, after, before, upward, limit: query.limit + 1 }
  const rows =
    log.baseSeq > after && epoch === 1 ? rowsOfFork(connection, range, log.baseSeq) : rowsOf(connection, range)
  const entries: LogEntry[] = []
  let bytes = 0
  let hasMore = false
  for (const row of rows) {
    bytes += entryBytes(row)
    hasMore = entries.length === query.limit || (entries.length > 0 && bytes > query.maxBytes)
    if (hasMore) break
    entries.push(toEntry(row))
  }
  return { entries: upward ? entries : entries.reverse(), hasMore }
}

/** Entries between two seqs, without them, nearest first. */
interface Range {
  sessionId: string
  epoch: number
  after: number
  before: number
  upward: boolean
  limit: number
}

function rowsOf(connection: Connection, range: Range): Iterable<MessageRow> {
  return connection
    .prepared<MessageRow>(
      `SELECT ${messageColumns} FROM messages WHERE session_id = ? AND epoch = ? AND seq > ? AND seq < ?
       ORDER BY seq ${range.upward ? 'ASC' : 'DESC'} LIMIT ?`,
    )
    .iterate(range.sessionId, range.epoch, range.after, range.before, range.limit)
}

/** The first epoch of a fork: parts of other sessions, then what it holds itself, all of it told as its own. */
function* rowsOfFork(connection: Connection, range: Range, baseSeq: number): Generator<MessageRow> {
  const { sessionId, epoch, after, before, upward } = range
  const own = { firstSeq: baseSeq + 1, lastSeq: Number.MAX_SAFE_INTEGER - 1, sessionId, epoch }
  const bases = basesBetween(connection, range)
  for (const part of upward ? [...bases, own] : [own, ...bases]) {
    const inPart = {
      ...range,
      sessionId: part.sessionId,
      epoch: part.epoch,
      after: Math.max(after, part.firstSeq - 1),
      before: Math.min(before, part.lastSeq + 1),
    }
    for (const row of rowsOf(connection, inPart)) yield { ...row, session_id: sessionId, epoch }
  }
}

export function getMessage(connection: Connection, messageId: string): LogEntry | undefined {
  const row = connection
    .prepared<MessageRow>(
      `SELECT ${messageColumns} FROM messages WHERE id = ?
       AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = session_id AND deleted_at IS NULL)`,
    )
    .get(messageId)
  return row && toEntry(row)
}

/** About what the entry takes in a frame; an exact figure would need the JSON. */
function entryBytes(row: MessageRow): number {
  return (
    entryOverheadBytes +
    Buffer.byteLength(row.content) +
    (row.tool_calls === null ? 0 : Buffer.byteLength(row.tool_calls))
  )
}

function toEntry(row: MessageRow): LogEntry {
  return {
    sessionId: row.session_id,
    epoch: row.epoch,
    seq: row.seq,
    message: toMessage(row),
    final: row.final === 1,
  }
}

/** The JSON in a row was written by `insertEntry` and has the shape that went in. */
function toMessage(row: MessageRow): Message {
  const message: Message = { id: row.id, seq: row.seq, role: row.role, content: row.content, timestamp: row.timestamp }
  if (row.tool_calls !== null) message.toolCalls = JSON.parse(row.tool_calls) as ToolCall[]
  if (row.tool_call_id !== null) message.toolCallId = row.tool_call_id
  if (row.sender_name !== null) message.senderName = row.sender_name
  if (row.run_id !== null) message.runId = row.run_id
  if (row.model !== null) message.model = row.model
  if (row.token_usage !== null) message.usage = JSON.parse(row.token_usage) as Usage
  if (row.incomplete === 1) message.incomplete = true
  return message
}

/** The same message as `toMessage` gives once the entry is read back, without the way through JSON. */
function toNewMessage(seq: number, entry: NewEntry): Message {
  const message: Message = { id: entry.id, seq, role: entry.role, content: entry.content, timestamp: entry.at }
  if (entry.toolCalls !== undefined) message.toolCalls = entry.toolCalls
  if (entry.toolCallId !== undefined) message.toolCallId = entry.toolCallId
  if (entry.senderName !== undefined) message.senderName = entry.senderName
  message.runId = entry.runId
  if (entry.model !== undefined) message.model = entry.model
  if (entry.usage !== undefined) message.usage = entry.usage
  if (entry.incomplete) message.incomplete = true
  return message
}
