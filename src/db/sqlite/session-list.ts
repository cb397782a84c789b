import { TalonError } from '../../protocol/errors.ts'
import type { SessionItem, SessionState } from '../../protocol/shapes.ts'
import type { SessionFilter } from '../store.ts'
import type { Connection } from './open.ts'
import { itemColumns, type SessionItemRow, toSessionItem } from './session-row.ts'

// A text filter looks at this many sessions per page, about ten milliseconds; the cursor then goes on where it stopped.
const maxScanned = 10_000
const states: readonly SessionState[] = ['created', 'active', 'idle']

/**
 * A page of sessions, by keyset and by the time of their last activity: as fast at the millionth session as at the first. With `query`
 * a page may hold fewer than `limit` sessions, none even, and still have a `nextCursor`.
 * @throws TalonError `INVALID_MESSAGE` for a cursor that is not ours.
 */
export function listSessions(
  connection: Connection,
  filter: SessionFilter,
): { sessions: SessionItem[]; nextCursor: string | null } {
  const scan = scanSql(filter)
  const values = {
    ...scanValues(filter),
    limit: filter.limit + 1,
    maxScanned,
    pattern: likePattern(filter.query ?? ''),
  }
  const sql = filter.query ? searchSql(scan, filter) : `${scan} LIMIT @limit`
  const rows = connection.prepared<SessionItemRow>(sql).all(values)
  const page = rows.slice(0, filter.limit)
  const next = rows.length > filter.limit ? page.at(-1) : filter.query ? scanEnd(connection, scan, values) : undefined
  return { sessions: page.map(toSessionItem), nextCursor: next ? writeCursor(next) : null }
}

/**
 * All sessions that pass the filter, in order. One range of an index per state, and those whose place in the indexes is
 * behind: SQLite merges them row by row, so that it reads little more than the page.
 */
function scanSql(filter: SessionFilter): string {
  const conditions = ['deleted_at IS NULL']
  const beyond = filter.order === 'oldest' ? '>' : '<'
  if (filter.channel !== undefined) conditions.push('channel = @channel')
  if (filter.senderId !== undefined) conditions.push('sender_id = @senderId')
  const after = (activity: string) =>
    [
      ...conditions,
      ...(filter.cursor === undefined ? [] : [`(${activity}, id) ${beyond} (@lastActiveAt, @lastId)`]),
    ].join(' AND ')
  const listed = (state: SessionState) =>
    `SELECT ${listedColumns} FROM sessions WHERE ${after('listed_at')} AND unlisted = 0 AND listed_state = '${state}'`
  const wanted = filter.state === undefined ? states : states.filter(state => state === filter.state)
  const ofState = filter.state === undefined ? '' : ` AND state = '${filter.state}'`
  const unlisted = `SELECT ${itemColumns}, sender_name FROM sessions INDEXED BY idx_sessions_unlisted
    WHERE ${after('last_active_at')} AND unlisted = 1${ofState}`
  return `${[...wanted.map(listed), unlisted].join(' UNION ALL ')} ${orderSql(filter)}`
}

// The same value, by the name that the index is about.
const listedColumns = `${itemColumns}, sender_name`.replace('last_active_at', 'listed_at AS last_active_at')

function orderSql({ order }: Pick<SessionFilter, 'order'>): string {
  return order === 'oldest' ? 'ORDER BY last_active_at, id' : 'ORDER BY last_active_at DESC, id DESC'
}

function searchSql(scan: string, filter: SessionFilter): string {
  const matches = ['title', 'sender_id', 'sender_name', 'id'].map(column => `${column} LIKE @pattern ESCAPE '\\'`)
  return `SELECT * FROM (${scan} LIMIT @maxScanned) WHERE ${matches.join(' OR ')}
          ${orderSql(filter)} LIMIT @limit`
}

/** Where a search stopped looking, or undefined if it saw all there is. */
function scanEnd(connection: Connection, scan: string, values: object): SessionItemRow | undefined {
  return connection.prepared<SessionItemRow>(`${scan} LIMIT 1 OFFSET @maxScanned - 1`).get(values)
}

function likePattern(query: string): string {
  return `%${query.replace(/[\\%_]/g, '\\$&')}%`
}

function scanValues(filter: SessionFilter): Record<string, unknown> {
  const { channel, senderId, cursor } = filter
  return { channel, senderId, ...(cursor === undefined ? {} : readCursor(cursor)) }
}

function writeCursor(row: SessionItemRow): string {
  return Buffer.from(`${row.last_active_at}.${row.id}`).toString('base64url')
}

function readCursor(cursor: string): { lastActiveAt: number; lastId: string } {
  const match = /^(-?\d{1,16})\.(.{1,256})$/s.exec(Buffer.from(cursor, 'base64url').toString())
  const [, lastActiveAt, lastId] = match ?? []
  if (lastActiveAt === undefined || lastId === undefined) {
    throw new TalonError('INVALID_MESSAGE', 'This cursor is not one of this gateway: start without one.')
  }
  return { lastActiveAt: Number(lastActiveAt), lastId }
}
