import { TalonError } from '../../protocol/errors.ts'
import type { Session, SessionState } from '../../protocol/shapes.ts'
import type { ImportedSession, ImportRecord, ImportSource, Queries, RequestKey } from '../store.ts'
import { keepReply } from './idempotency.ts'
import { chainHash, type ImportRow, type Verified } from './import-row.ts'
import type { Connection } from './open.ts'
import { type CommandInput, done, type Outcome } from './outcome.ts'
import { type SessionRow, sessionColumns, toSession } from './session-row.ts'

// A step that reads back is one command, and others must not wait long behind it.
const verifiedPerStep = 1_000
const verifiedCharsPerStep = 2 * 1024 * 1024
// A place has one row for each time that its file was another; of the same size there may be any number.
const maxFound = 10

/** How much of an epoch was compared so far. */
export interface Progress {
  seq: number
  hash: string
}

/** The session is hidden as a deleted one is, so that no list, count or search has to know of imports. */
export function beginImport(
  connection: Connection,
  { id, spareId, at }: CommandInput<'beginImport'>,
): Outcome<{ sessionId: string }> {
  const insert = connection.prepared(
    `INSERT INTO sessions (id, sender_id, channel, state, created_at, last_active_at, deleted_at, importing)
     VALUES (?, '', '', 'created', ?, ?, ?, 1) ON CONFLICT (id) DO NOTHING`,
  )
  const sessionId = insert.run(id, at, at, at).changes === 1 ? id : spareId
  if (sessionId !== id && insert.run(sessionId, at, at, at).changes === 0)
    throw new TalonError('CONFLICT', 'This id exists already.')
  return { result: { sessionId }, changes: [] }
}

/** @throws TalonError `CONFLICT` if this session is not being imported. */
export function importRows(
  connection: Connection,
  { sessionId, epoch, rows }: { sessionId: string; epoch: number; rows: ImportRow[] },
): Outcome<undefined> {
  mustImport(connection, sessionId)
  const insert = connection.prepared(
    `INSERT INTO messages (id, session_id, role, content, timestamp, token_usage, epoch, seq, tool_calls, tool_call_id,
       final, incomplete, model, sender_name, run_id, legacy_id, legacy)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  )
  for (const row of rows) {
    const add = (id: string) =>
      insert.run(
        id,
        sessionId,
        row.role,
        row.content,
        row.timestamp,
        row.tokenUsage,
        epoch,
        row.seq,
        row.toolCalls,
        row.toolCallId,
        row.final,
        row.incomplete,
        row.model,
        row.senderName,
        row.runId,
        id === row.oldId ? null : row.oldId,
        row.legacy,
      ).changes === 1
    if (!add(row.id) && !add(row.spareId)) throw new TalonError('CONFLICT', 'This id exists already.')
  }
  return done
}

/** Continues the hash of what an epoch holds. */
export function verifyStep(
  connection: Connection,
  { sessionId, epoch, from }: { sessionId: string; epoch: number; from: Progress },
): Outcome<Progress & { more: boolean }> {
  const rows = connection
    .prepared<Verified>(
      `SELECT coalesce(legacy_id, id) AS oldId, seq, role, content, timestamp, token_usage AS tokenUsage,
         tool_calls AS toolCalls, tool_call_id AS toolCallId, final, incomplete, model, sender_name AS senderName,
         run_id AS runId, legacy
       FROM messages WHERE session_id = ? AND epoch = ? AND seq > ? ORDER BY seq LIMIT ?`,
    )
    .iterate(sessionId, epoch, from.seq, verifiedPerStep)
  let { seq, hash } = from
  let chars = 0
  let count = 0
  for (const row of rows) {
    hash = chainHash(hash, row)
    seq = row.seq
    count += 1
    chars += row.content.length
    if (chars > verifiedCharsPerStep) break
  }
  const more = count === verifiedPerStep || chars > verifiedCharsPerStep
  return { result: { seq, hash, more }, changes: [] }
}

/** Shows a session whose entries are verified, and records where it came from, in one commit. */
export function showImported(
  connection: Connection,
  input: {
    sessionId: string
    epoch: number
    entries: number
    stored: number
    session: ImportedSession
    source?: ImportSource | undefined
    reply?: { request: RequestKey; reply: Record<string, unknown> } | undefined
    at: number
  },
): Outcome<{ session: Session }> {
  mustImport(connection, input.sessionId)
  const row = connection
    .prepared<SessionRow>(
      `UPDATE sessions SET sender_id = @senderId, channel = @channel, state = @state, created_at = @createdAt,
         last_active_at = @lastActiveAt, listed_at = @lastActiveAt, listed_state = @state, unlisted = 0,
         sender_name = @senderName, title = @title, model = @model, config = @config, group_id = @groupId,
         memory_summary = @memorySummary, summary_through_seq = @summaryThroughSeq, legacy = @legacy, aside = @aside,
         forked_from_session_id = @forkedFromSessionId, forked_from_epoch = @forkedFromEpoch, forked_from_seq = @forkedFromSeq,
         run_count = @runs, input_tokens = @inputTokens, output_tokens = @outputTokens, total_tokens = @totalTokens,
         epoch = @epoch, seq = @entries, message_count = @entries, deleted_at = NULL, importing = 0, kept_since = @at,
         tainted = @entries > 0
       WHERE id = @sessionId RETURNING ${sessionColumns}`,
    )
    .get({ ...sessionValues(input.session, input.entries), ...pick(input) })
  if (!row) throw new Error(`Session ${input.sessionId} vanished inside a transaction.`)
  if (input.source) insertImport(connection, { ...input, source: input.source })
  if (input.reply) keepReply(connection, { ...input.reply, at: input.at })
  const session = toSession(row)
  return { result: { session }, changes: [{ type: 'session.created', session }] }
}

/** From now on it is only there to be erased. */
export function giveUpImport(connection: Connection, { sessionId }: { sessionId: string }): Outcome<undefined> {
  connection
    .prepared('UPDATE sessions SET deleted_at = 0, erasing = 1, importing = 0 WHERE id = ? AND importing = 1')
    .run(sessionId)
  return done
}

export function dropUnfinishedImports(connection: Connection): Outcome<{ dropped: number }> {
  const { changes } = connection
    .prepared('UPDATE sessions SET deleted_at = 0, erasing = 1, importing = 0 WHERE importing = 1')
    .run()
  return { result: { dropped: changes }, changes: [] }
}

export function recordImport(connection: Connection, input: CommandInput<'recordImport'>): Outcome<undefined> {
  insertImport(connection, { ...input, stored: 0 })
  return done
}

interface StoredImport extends Omit<ImportRecord, 'warnings'> {
  warnings: string
}

export function findImports(connection: Connection, query: Parameters<Queries['findImports']>[0]): ImportRecord[] {
  const ofPlace = 'folder = @folder AND source = @source ORDER BY id DESC'
  // Without an order, which would have to sort all that are alike.
  const ofContent = 'sha256' in query ? 'size = @sizeBytes AND sha256 = @sha256' : 'size = @sizeBytes'
  return connection
    .prepared<StoredImport>(
      `SELECT folder, source, size AS sizeBytes, modified_at AS modifiedAt, sha256, session_id AS sessionId,
         messages_read AS messagesRead, messages_stored AS messagesStored, messages_hash AS messagesHash, warnings,
         finished_at AS finishedAt
       FROM imports WHERE ${'source' in query ? ofPlace : ofContent} LIMIT ${maxFound}`,
    )
    .all(query)
    .map(row => ({
      ...row,
      // Written by insertImport from a list of sentences.
      warnings: JSON.parse(row.warnings) as string[],
    }))
}

function mustImport(connection: Connection, sessionId: string): void {
  const row = connection.prepared('SELECT 1 FROM sessions WHERE id = ? AND importing = 1').get(sessionId)
  if (!row) throw new TalonError('CONFLICT', `The session ${sessionId} is not being imported: begin anew.`)
}

function insertImport(
  connection: Connection,
  input: { source: ImportSource; sessionId: string | null; stored: number; at: number },
): void {
  const { source } = input
  connection
    .prepared(
      `INSERT INTO imports (folder, source, size, modified_at, sha256, session_id, messages_read, messages_stored,
         messages_hash, warnings, finished_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      source.folder,
      source.source,
      source.sizeBytes,
      source.modifiedAt,
      source.sha256,
      input.sessionId,
      source.messagesRead,
      input.stored,
      source.messagesHash,
      JSON.stringify(source.warnings),
      input.at,
    )
}

function sessionValues(session: ImportedSession, entries: number): Record<string, unknown> {
  const asked: SessionState = session.state ?? (entries > 0 ? 'idle' : 'created')
  const summary = session.memorySummary || null
  return {
    senderId: session.senderId.toWellFormed(),
    channel: session.channel.toWellFormed(),
    state: asked === 'active' ? 'idle' : asked,
    createdAt: session.createdAt,
    lastActiveAt: session.lastActiveAt,
    senderName: session.senderName?.toWellFormed() ?? null,
    title: session.title?.toWellFormed() ?? null,
    model: session.model?.toWellFormed() ?? null,
    config: session.config === undefined ? null : JSON.stringify(session.config),
    groupId: session.groupId?.toWellFormed() ?? null,
    memorySummary: summary?.toWellFormed() ?? null,
    summaryThroughSeq: summary === null ? null : (session.summaryThroughSeq ?? 0),
    legacy: session.legacy === undefined ? null : JSON.stringify(session.legacy),
    aside: Number(session.aside ?? false),
    forkedFromSessionId: session.forkedFrom?.sessionId.toWellFormed() ?? null,
    forkedFromEpoch: session.forkedFrom?.epoch ?? null,
    forkedFromSeq: session.forkedFrom?.seq ?? null,
    runs: session.spent?.runs ?? 0,
    inputTokens: session.spent?.inputTokens ?? 0,
    outputTokens: session.spent?.outputTokens ?? 0,
    totalTokens: session.spent?.totalTokens ?? 0,
  }
}

function pick({ sessionId, epoch, entries, at }: { sessionId: string; epoch: number; entries: number; at: number }) {
  return { sessionId, epoch, entries, at }
}
