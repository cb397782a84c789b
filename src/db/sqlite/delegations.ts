import { TalonError } from '../../protocol/errors.ts'
import type { DelegateRole, Profile, ToolInfo } from '../../protocol/shapes.ts'
import type { Accepted, Change, Delegation } from '../store.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'
import { delegatePrefix, payingSession } from './payer.ts'
import { sendMessage } from './send.ts'
import { insertSession, setAside } from './sessions.ts'

interface DelegationRow {
  session_id: string
  run_id: string
  parent_session_id: string | null
  parent_run_id: string | null
  role: DelegateRole
  depth: number
  permissions: string
}

const channel = 'delegate'

/** @throws TalonError `CANCELLED` if the run that asks has ended */
export function beginDelegation(connection: Connection, input: CommandInput<'beginDelegation'>): Outcome<Accepted> {
  const { sessionId, messageId, runId, text, tokenId, at, parentRunId } = input
  if (parentRunId !== null && !isAtWork(connection, parentRunId)) {
    throw new TalonError('CANCELLED', 'The run that asked for this has ended.')
  }
  const { senderId, title, model, profile } = input
  insertSession(connection, { id: sessionId, senderId, channel, title, model, profile }, at)
  const session = setAside(connection, sessionId, input.tainted)
  insertDelegation(connection, input)
  const sent = sendMessage(connection, { target: { sessionId }, messageId, runId, text, tokenId, at })
  const { duplicate: _never, ...accepted } = sent.result
  const changes: Change[] = [{ type: 'session.created', session }, ...sent.changes]
  return { result: accepted, changes }
}

export function getDelegation(connection: Connection, sessionId: string): Delegation | undefined {
  if (!sessionId.startsWith(delegatePrefix)) return undefined
  const row = connection
    .prepared<DelegationRow>(
      `SELECT session_id, run_id, parent_session_id, parent_run_id, role, depth, permissions FROM delegations
       WHERE session_id = ?`,
    )
    .get(sessionId)
  return row && toDelegation(row)
}

export function unfinishedDelegations(connection: Connection): string[] {
  return connection
    .prepared<string>(
      `SELECT runs.id FROM runs CROSS JOIN delegations ON delegations.session_id = runs.session_id AND run_id = runs.id
       WHERE runs.finished_at IS NULL`,
    )
    .pluck()
    .all()
}

export function runProfile(connection: Connection, runId: string): Profile | null {
  const row = connection.prepared<{ profile: Profile | null }>('SELECT profile FROM runs WHERE id = ?').get(runId)
  return row?.profile ?? null
}

function insertDelegation(connection: Connection, input: CommandInput<'beginDelegation'>): void {
  const { sessionId, runId, parentSessionId, parentRunId, role, depth, permissions } = input
  connection
    .prepared(
      `INSERT INTO delegations (session_id, run_id, parent_session_id, parent_run_id, role, depth, permissions, payer_session_id)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      sessionId,
      runId,
      parentSessionId,
      parentRunId,
      role,
      depth,
      JSON.stringify(permissions),
      payingSession(connection, parentSessionId ?? sessionId),
    )
}

function isAtWork(connection: Connection, runId: string): boolean {
  return connection.prepared('SELECT 1 FROM runs WHERE id = ? AND finished_at IS NULL').get(runId) !== undefined
}

function toDelegation(row: DelegationRow): Delegation {
  return {
    sessionId: row.session_id,
    runId: row.run_id,
    parentSessionId: row.parent_session_id,
    parentRunId: row.parent_run_id,
    role: row.role,
    depth: row.depth,
    // Written above from such a list.
    permissions: JSON.parse(row.permissions) as ToolInfo['permission'][],
  }
}
