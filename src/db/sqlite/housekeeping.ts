import type { AuditEntry } from '../store.ts'
import { pruneAccounts } from './accounts.ts'
import { appendAudit } from './audit.ts'
import { heldEpochs, releaseBases } from './bases.ts'
import type { Connection } from './open.ts'
import { type CommandInput, done, type Outcome } from './outcome.ts'
import { pruneInvocations } from './tool-runs.ts'
import { forgetSession } from './usage.ts'

// What one step removes at most: a step is one command, and others must not wait long behind it.
const maxRowsPerStep = 1_000

/** Removes a part of what is past its time; `more` if another step would find more. */
export function pruneStep(connection: Connection, input: CommandInput<'prune'>): Outcome<{ more: boolean }> {
  const removed = [
    connection
      .prepared(
        'DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM idempotency WHERE created_at < ? ORDER BY created_at LIMIT ?)',
      )
      .run(input.idempotencyBefore, maxRowsPerStep),
    // The outcome of a tool is the stored reply of its request.
    { changes: pruneInvocations(connection, input.idempotencyBefore, maxRowsPerStep) },
    connection
      .prepared(
        'DELETE FROM web_sessions WHERE rowid IN (SELECT rowid FROM web_sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)',
      )
      .run(input.now, maxRowsPerStep),
  ]
  const more = pruneAccounts(connection) || removed.some(({ changes }) => changes === maxRowsPerStep)
  return { result: { more }, changes: [] }
}

/**
 * Erases a part of one deleted session: overwrites it, where it was only hidden before. The first step already makes it
 * impossible to restore. What a fork still shows stays until the last such fork is erased.
 */
export function eraseStep(
  connection: Connection,
  { before, audit }: CommandInput<'eraseDeleted'>,
): Outcome<{ erased: number; more: boolean }> {
  const session = connection
    .prepared<{ id: string; deletedAt: number }>(
      'SELECT id, deleted_at AS deletedAt FROM sessions WHERE deleted_at IS NOT NULL AND held = 0 AND deleted_at < ? ORDER BY deleted_at LIMIT 1',
    )
    .get(before)
  if (!session) return { result: { erased: 0, more: false }, changes: [] }
  connection.database.pragma('secure_delete = ON')
  try {
    // What an import left half done nobody ever saw.
    const shown = session.deletedAt > 0 ? audit : undefined
    return { result: eraseRows(connection, session.id, shown), changes: [] }
  } finally {
    connection.database.pragma('secure_delete = OFF')
  }
}

function eraseRows(
  connection: Connection,
  sessionId: string,
  audit: AuditEntry | undefined,
): { erased: number; more: boolean } {
  connection.prepared('UPDATE sessions SET erasing = 1 WHERE id = ?').run(sessionId)
  const held = heldEpochs(connection, sessionId)
  if (eraseEntries(connection, sessionId, held)) return { erased: 0, more: true }
  for (const table of ['runs', 'tool_runs', 'grants', 'attachments']) {
    const { changes } = connection
      .prepared(`DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE session_id = ? LIMIT ?)`)
      .run(sessionId, maxRowsPerStep)
    if (changes === maxRowsPerStep) return { erased: 0, more: true }
  }
  if (forgetSession(connection, sessionId, maxRowsPerStep)) return { erased: 0, more: true }
  releaseBases(connection, sessionId)
  // In the last step. What forks still hold is named, because it goes in another one.
  if (audit) {
    const details = held.length > 0 ? { ...audit.details, heldByForks: true } : audit.details
    appendAudit(connection, { ...audit, target: sessionId, details })
  }
  if (held.length > 0) {
    holdRest(connection, sessionId)
    return { erased: 0, more: true }
  }
  connection.prepared('DELETE FROM sessions WHERE id = ?').run(sessionId)
  return { erased: 1, more: true }
}

/** Erases entries that no fork shows, epoch by epoch; true if there may be more. */
function eraseEntries(
  connection: Connection,
  sessionId: string,
  held: readonly { epoch: number; lastSeq: number }[],
): boolean {
  const end = { epoch: Number.MAX_SAFE_INTEGER, lastSeq: 0 }
  let from = { epoch: 0, lastSeq: 0 }
  let room = maxRowsPerStep
  for (const to of [...held, end]) {
    const { changes } = connection
      .prepared(
        `DELETE FROM messages WHERE rowid IN (SELECT rowid FROM messages WHERE session_id = ?
         AND (epoch, seq) > (?, ?) AND (epoch, seq) < (?, 0) LIMIT ?)`,
      )
      .run(sessionId, from.epoch, from.lastSeq, to.epoch, room)
    room -= changes
    if (room === 0) return true
    from = to
  }
  return false
}

/** Leaves nothing of a session but what it takes to hold the entries that forks show. */
function holdRest(connection: Connection, sessionId: string): void {
  connection
    .prepared(
      `UPDATE sessions SET held = 1, title = NULL, sender_name = NULL, memory_summary = NULL, config = NULL, legacy = NULL
       WHERE id = ?`,
    )
    .run(sessionId)
}

export function probe(connection: Connection, { at }: CommandInput<'probe'>): Outcome<undefined> {
  connection
    .prepared(
      `INSERT INTO settings (key, value, updated_at) VALUES ('probe', 'ok', ?)
       ON CONFLICT (key) DO UPDATE SET updated_at = excluded.updated_at`,
    )
    .run(at)
  return done
}
