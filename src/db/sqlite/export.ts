import type { KeptOfImport, WholeSession } from '../store.ts'
import type { Connection } from './open.ts'
import { type SessionRow, sessionColumns, toSession } from './session-row.ts'

interface WholeRow extends SessionRow {
  group_id: string | null
  summary_through_seq: number | null
  run_count: number
  input_tokens: number
  output_tokens: number
  total_tokens: number
  legacy: string | null
}

/** All that is kept of a session but its entries. */
export function getWholeSession(connection: Connection, sessionId: string): WholeSession | undefined {
  const row = connection
    .prepared<WholeRow>(
      `SELECT ${sessionColumns}, group_id, summary_through_seq, run_count, input_tokens, output_tokens, total_tokens, legacy
       FROM sessions WHERE id = ? AND deleted_at IS NULL`,
    )
    .get(sessionId)
  return (
    row && {
      session: toSession(row),
      groupId: row.group_id,
      summaryThroughSeq: row.summary_through_seq,
      usage: {
        inputTokens: row.input_tokens,
        outputTokens: row.output_tokens,
        totalTokens: row.total_tokens,
        runs: row.run_count,
      },
      legacy: readLegacy(row.legacy),
    }
  )
}

/** Of these messages, those that an import kept something beside. */
export function getKeptOfImports(connection: Connection, messageIds: readonly string[]): KeptOfImport[] {
  return connection
    .prepared<{ messageId: string; legacyId: string | null; legacy: string | null }>(
      `SELECT id AS messageId, legacy_id AS legacyId, legacy FROM messages
       WHERE id IN (SELECT value FROM json_each(?)) AND (legacy_id IS NOT NULL OR legacy IS NOT NULL)`,
    )
    .all(JSON.stringify(messageIds))
    .map(row => ({ ...row, legacy: readLegacy(row.legacy) }))
}

function readLegacy(legacy: string | null): Record<string, unknown> | null {
  // Written by an import from an object.
  return legacy === null ? null : (JSON.parse(legacy) as Record<string, unknown>)
}
