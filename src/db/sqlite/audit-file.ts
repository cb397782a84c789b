import type { AuditEntry, AuditQuery, AuditRow, AuditVerdict } from '../audit.ts'
import { appendAudit, type StoredEntry, toRow } from './audit.ts'
import { genesisSql, type Link, linksSql, verifyChain } from './audit-chain.ts'
import { unavailableError } from './errors.ts'
import type { Connection } from './open.ts'
import { openPeek, type Peek } from './peek.ts'

/** A database that this process does not serve: one that a gateway has open, one that nobody has, or a backup. */
export interface AuditFile {
  file: string
  /** Whether a process holds the data folder. */
  live: boolean
}

const hasTrailSql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'audit'"
// What stands in the text of a statement. No token's id and no action has any other character.
const plainWord = /^[\w.-]{1,64}$/

/**
 * Looks through the whole audit trail of a file, and leaves no trace of it.
 * @throws TalonError `STORAGE_UNAVAILABLE` if there is none or it cannot be read
 */
export function verifyAuditFile(place: AuditFile, noted: string | undefined): AuditVerdict {
  return peekAt(place, peek => {
    const [genesis] = peek.all<{ hash: Uint8Array }>(genesisSql)
    return verifyChain({ genesis: genesis?.hash, linksAfter: seq => peek.all<Link>(linksSql(String(seq))) }, noted)
  })
}

/** Newest first. @throws TalonError `STORAGE_UNAVAILABLE` as above */
export function listAuditFile(place: AuditFile, { limit, before, action, tokenId }: AuditQuery): AuditRow[] {
  const words = [action, tokenId].filter(word => word !== undefined)
  if (!words.every(word => plainWord.test(word))) return []
  const conditions = [
    `seq < ${before ?? Number.MAX_SAFE_INTEGER}`,
    ...(action === undefined ? [] : [`action = '${action}'`]),
    ...(tokenId === undefined ? [] : [`token_id = '${tokenId}'`]),
  ]
  const sql = `SELECT * FROM audit WHERE ${conditions.join(' AND ')} ORDER BY seq DESC LIMIT ${limit}`
  return peekAt(place, peek => peek.all<StoredEntry>(sql).map(toRow))
}

/**
 * Adds an entry to a database that only this process has open. One that is older than the audit trail stays without;
 * whether it was written.
 */
export function recordInFile(connection: Connection, entry: AuditEntry): boolean {
  const { database } = connection
  if (database.prepare(hasTrailSql).get() === undefined) return false
  database.transaction(() => appendAudit(connection, entry)).immediate()
  return true
}

function peekAt<Result>({ file, live }: AuditFile, look: (peek: Peek) => Result): Result {
  let peek: Peek | undefined
  try {
    peek = openPeek(file, { live })
    if (peek.all(hasTrailSql).length === 0) {
      throw unavailableError(`${file} is older than the audit trail: it begins with the next start of the gateway.`)
    }
    return look(peek)
  } catch (thrown) {
    // Of two engines, neither of which knows the other's errors.
    const isTheirs = thrown instanceof Error && 'code' in thrown && /SQLITE/.test(String(thrown.code))
    if (isTheirs) throw unavailableError(`${file} cannot be read: ${thrown.message}.`, thrown)
    throw thrown
  } finally {
    peek?.close()
  }
}
