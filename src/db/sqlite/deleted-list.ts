import { TalonError } from '../../protocol/errors.ts'
import type { DeletedSession } from '../store.ts'
import type { Connection } from './open.ts'
import { itemColumns, type SessionItemRow, toSessionItem } from './session-row.ts'

type Row = SessionItemRow & { deleted_at: number; rowid: number }

/**
 * A page of the sessions that were deleted and can still be restored, the newest deletion first.
 * @throws TalonError `INVALID_MESSAGE` for a cursor that is not ours.
 */
export function listDeleted(
  connection: Connection,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): { sessions: DeletedSession[]; nextCursor: string | null } {
  const beyond = cursor === undefined ? '' : ' AND (deleted_at, rowid) < (@deletedAt, @rowid)'
  // What forks hold back from erasing cannot be restored. The index ends with the rowid, as every index does.
  const rows = connection
    .prepared<Row>(
      `SELECT ${itemColumns}, deleted_at, rowid FROM sessions INDEXED BY idx_sessions_deleted
       WHERE deleted_at IS NOT NULL AND held = 0 AND importing = 0 AND erasing = 0${beyond} ORDER BY deleted_at DESC, rowid DESC LIMIT @limit`,
    )
    .all({ limit: limit + 1, ...(cursor !== undefined && readCursor(cursor)) })
  const page = rows.slice(0, limit)
  const last = rows.length > limit ? page.at(-1) : undefined
  return {
    sessions: page.map(row => ({ ...toSessionItem(row), deletedAt: row.deleted_at })),
    nextCursor: last ? `${last.deleted_at}.${last.rowid}` : null,
  }
}

function readCursor(cursor: string): { deletedAt: number; rowid: number } {
  const match = /^(\d{1,16})\.(\d{1,16})$/.exec(cursor)
  if (!match) throw new TalonError('INVALID_MESSAGE', 'This cursor is not one of this gateway: start without one.')
  return { deletedAt: Number(match[1]), rowid: Number(match[2]) }
}
