import type { AuditEntry, Audited, AuditHead, AuditQuery, AuditRow } from '../audit.ts'
import { canonicalSql, genesisSql, linkHash } from './audit-chain.ts'
import type { Connection } from './open.ts'
import { type Command, done, type Outcome } from './outcome.ts'

export interface StoredEntry {
  seq: number
  at: number
  action: string
  token_id: string | null
  token_name: string | null
  channel: AuditRow['channel']
  address: string | null
  user_agent: string | null
  target: string | null
  outcome: AuditRow['outcome']
  details: string | null
  hash: Buffer
}

// The name is that of this moment. What is bound as a number would be a real one.
const valuesSql = `SELECT CAST(@seq AS INTEGER) AS seq, CAST(@at AS INTEGER) AS at, @action AS action,
  @tokenId AS token_id, (SELECT name FROM tokens WHERE id = @tokenId) AS token_name, @channel AS channel,
  @address AS address, @userAgent AS user_agent, @target AS target, @outcome AS outcome, @details AS details`

/** Adds an entry to the chain, in the transaction that is open. There is one writer, so nobody else adds meanwhile. */
export function appendAudit(connection: Connection, entry: AuditEntry): void {
  const head = newest(connection)
  const details = entry.details && JSON.stringify(entry.details)
  const values = { ...entry, seq: head.seq + 1, details }
  const written = connection.prepared<{ canonical: Buffer }>(`SELECT ${canonicalSql} AS canonical FROM (${valuesSql})`)
  const canonical = written.get(values)?.canonical
  if (!canonical) throw new Error('A row of values is always one row.')
  connection
    .prepared(
      `INSERT INTO audit (seq, at, action, token_id, token_name, channel, address, user_agent, target, outcome, details, hash)
       SELECT *, @hash FROM (${valuesSql})`,
    )
    .run({ ...values, hash: linkHash(head.hash, canonical) })
}

/**
 * A command whose entry is in the same commit as what it did, and is written only if it did it: not for a repeat, nor
 * for one that found nothing to do.
 */
export function audited<Input, Result>(command: Command<Input, Result>): Command<Audited<Input>, Result> {
  return (connection, input) => {
    const outcome = command(connection, input)
    if (input.audit && happened(outcome.result)) appendAudit(connection, input.audit)
    return outcome
  }
}

export function recordAudit(connection: Connection, entry: AuditEntry): Outcome<undefined> {
  appendAudit(connection, entry)
  return done
}

/** The newest entry; of an empty trail the hash is what its first one is chained to. */
export function auditHead(connection: Connection): AuditHead {
  const { seq, hash } = newest(connection)
  return { seq, hash: hash.toString('hex') }
}

/** Newest first. */
export function listAudit(connection: Connection, query: AuditQuery): AuditRow[] {
  const { limit, before = Number.MAX_SAFE_INTEGER, action, tokenId } = query
  const conditions = [
    'seq < @before',
    ...(action === undefined ? [] : ['action = @action']),
    ...(tokenId === undefined ? [] : ['token_id = @tokenId']),
  ]
  return connection
    .prepared<StoredEntry>(`SELECT * FROM audit WHERE ${conditions.join(' AND ')} ORDER BY seq DESC LIMIT @limit`)
    .all({ limit, before, action, tokenId })
    .map(toRow)
}

/** The same of what another program's SQLite gives. */
export function toRow(row: StoredEntry): AuditRow {
  const { token_id, token_name, user_agent, details, hash, ...same } = row
  return {
    ...same,
    tokenId: token_id,
    tokenName: token_name,
    userAgent: user_agent,
    details: readDetails(details),
    hash: Buffer.from(hash).toString('hex'),
  }
}

function newest(connection: Connection): { seq: number; hash: Buffer } {
  const row = connection
    .prepared<{ seq: number; hash: Buffer }>('SELECT seq, hash FROM audit WHERE seq = (SELECT max(seq) FROM audit)')
    .get()
  if (row) return row
  const genesis = connection.prepared<{ hash: Buffer }>(genesisSql).get()
  if (!genesis) throw new Error('The beginning of the audit trail is gone.')
  return { seq: 0, hash: genesis.hash }
}

function happened(result: unknown): boolean {
  if (result === false) return false
  return !(typeof result === 'object' && result !== null && 'duplicate' in result && result.duplicate === true)
}

/** It was written from an object; what somebody has changed since must not keep the others from being shown. */
function readDetails(text: string | null): Record<string, unknown> | null {
  if (text === null) return null
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return { unreadable: text }
  }
}
