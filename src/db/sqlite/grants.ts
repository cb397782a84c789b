import { TalonError } from '../../protocol/errors.ts'
import type { Grant, ToolRunQueries } from '../store.ts'
import { appendAudit } from './audit.ts'
import { sessionNotFound } from './errors.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'
import { type SessionRow, sessionColumns, toSession } from './session-row.ts'

// People give them one by one; beyond this nobody knows any more what is allowed.
const maxGrants = 1_000

interface GrantRow {
  id: string
  remember: Grant['remember']
  hash: string
  tool_name: string
  session_id: string | null
  subject: string | null
  args: string
  tainted: number
  token_id: string
  created_at: number
}

const grantColumns = 'id, remember, hash, tool_name, session_id, subject, args, tainted, token_id, created_at'

/** @throws TalonError `CONFLICT` if there are too many, `SESSION_NOT_FOUND` */
export function addGrant(connection: Connection, input: CommandInput<'addGrant'>): Outcome<{ id: string }> {
  if (input.sessionId !== null) mustExist(connection, input.sessionId)
  const values = [input.hash, input.sessionId ?? '', Number(input.tainted)]
  const known = connection
    .prepared<{ id: string }>(`SELECT id FROM grants WHERE hash = ? AND ifnull(session_id, '') = ? AND tainted = ?`)
    .get(...values)
  if (known) return { result: { id: known.id }, changes: [] }
  const full = connection.prepared(`SELECT 1 FROM grants LIMIT 1 OFFSET ${maxGrants - 1}`).get()
  if (full) {
    throw new TalonError('CONFLICT', `There are ${maxGrants} grants already. Revoke some with: talon approvals revoke`)
  }
  connection
    .prepared(`INSERT INTO grants (${grantColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    .run(
      input.id,
      input.remember,
      input.hash,
      input.toolName,
      input.sessionId,
      input.subject,
      JSON.stringify(input.args),
      Number(input.tainted),
      input.tokenId,
      input.createdAt,
    )
  if (input.audit) appendAudit(connection, input.audit)
  return { result: { id: input.id }, changes: [] }
}

export function revokeGrant(connection: Connection, { id, audit }: CommandInput<'revokeGrant'>): Outcome<boolean> {
  const { changes } = connection.prepared('DELETE FROM grants WHERE id = ?').run(id)
  if (changes === 1 && audit) appendAudit(connection, audit)
  return { result: changes === 1, changes: [] }
}

/** Notes that text of others is in the epoch of a run; a session of which that is known stays as it is. */
export function taint(connection: Connection, runId: string): Outcome<undefined> {
  const row = connection
    .prepared<SessionRow>(
      `UPDATE sessions SET tainted = 1 FROM (SELECT session_id AS run_session, epoch AS run_epoch FROM runs WHERE id = ?)
       WHERE id = run_session AND epoch = run_epoch AND tainted = 0 RETURNING ${sessionColumns}`,
    )
    .get(runId)
  if (!row || row.deleted_at !== null) return { result: undefined, changes: [] }
  return { result: undefined, changes: [{ type: 'session.updated', session: toSession(row) }] }
}

export function findGrant(
  connection: Connection,
  query: Parameters<ToolRunQueries['findGrant']>[0],
): Grant | undefined {
  const find = connection.prepared<GrantRow>(
    `SELECT ${grantColumns} FROM grants WHERE hash = ? AND ifnull(session_id, '') = ? AND tainted >= ? LIMIT 1`,
  )
  const least = Number(query.tainted)
  const row =
    (query.sessionId === undefined ? undefined : find.get(query.sessionHash, query.sessionId, least)) ??
    find.get(query.hash, '', least)
  return row && toGrant(row)
}

export function hasGrant(connection: Connection, id: string): boolean {
  return connection.prepared('SELECT 1 FROM grants WHERE id = ?').get(id) !== undefined
}

export function listGrants(connection: Connection): Grant[] {
  return connection
    .prepared<GrantRow>(`SELECT ${grantColumns} FROM grants ORDER BY created_at DESC, id DESC`)
    .all()
    .map(toGrant)
}

function mustExist(connection: Connection, sessionId: string): void {
  const found = connection.prepared('SELECT 1 FROM sessions WHERE id = ? AND deleted_at IS NULL').get(sessionId)
  if (!found) throw sessionNotFound(sessionId)
}

function toGrant(row: GrantRow): Grant {
  return {
    id: row.id,
    remember: row.remember,
    hash: row.hash,
    toolName: row.tool_name,
    sessionId: row.session_id,
    subject: row.subject,
    // Written by addGrant from an object.
    args: JSON.parse(row.args) as Record<string, unknown>,
    tainted: row.tainted === 1,
    tokenId: row.token_id,
    createdAt: row.created_at,
  }
}
