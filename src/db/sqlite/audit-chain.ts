import { hash } from 'node:crypto'
import type { AuditVerdict } from '../audit.ts'
import type { Check } from './guard.ts'
import type { Connection } from './open.ts'

/** One row as the chain sees it. */
export interface Link {
  seq: number
  at: number
  /** All its columns but the hash, as `canonicalSql` writes them. */
  canonical: Uint8Array
  hash: Uint8Array
}

/** Where the rows of a chain come from. */
export interface ChainSource {
  /** What stands before the first entry; undefined if that is gone. */
  genesis: Uint8Array | undefined
  /** Some links after this seq, in order; none at the end. */
  linksAfter(seq: number): Link[]
}

const columns = 'seq, at, action, token_id, token_name, channel, address, user_agent, target, outcome, details'.split(
  ', ',
)
// A millisecond or two of work, after which others may have their turn.
const linksPerPage = 500

/**
 * The columns of a row as one text that no other row has: the version of this form, then each column as a netstring
 * (its length in bytes, a colon, its bytes, a comma), and `-,` for none. The bytes are those in the file: what is no
 * UTF-8 any more is not what it was.
 */
export const canonicalSql = `CAST('1:1,' || ${columns
  .map(column => `ifnull(octet_length(${column}) || ':' || ${column} || ',', '-,')`)
  .join(' || ')} AS BLOB)`

/** What stands before the first entry. */
export const genesisSql = 'SELECT hash FROM audit_genesis WHERE id = 1'

/** A page of links after a seq. */
export function linksSql(after: string): string {
  return `SELECT seq, at, ${canonicalSql} AS canonical, hash FROM audit WHERE seq > ${after} ORDER BY seq LIMIT ${linksPerPage}`
}

/** The hash of an entry, over that of the entry before it and its own columns. */
export function linkHash(before: Uint8Array, canonical: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([before, canonical]), 'buffer')
}

/** Looks through the whole chain of a database. */
export function verifyAudit(
  connection: Connection,
  { noted }: { noted?: string | undefined },
  check: Check,
): AuditVerdict {
  const genesis = connection.prepared<{ hash: Uint8Array }>(genesisSql).get()?.hash
  const linksAfter = (seq: number) => connection.prepared<Link>(linksSql('?')).all(seq)
  return verifyChain({ genesis, linksAfter }, noted, check)
}

/**
 * Looks through a chain until something in it is wrong.
 * @param noted hash of an entry, hex, that must be there
 */
export function verifyChain(source: ChainSource, noted?: string, check: Check = () => undefined): AuditVerdict {
  const { genesis } = source
  const verdict: AuditVerdict = {
    ok: false,
    entries: 0,
    head: { seq: 0, at: null, hash: genesis ? hex(genesis) : '' },
    fault: null,
    noted: null,
  }
  if (!genesis) return { ...verdict, fault: { seq: null, reason: 'The beginning of the audit trail is gone.' } }
  const { head } = verdict
  const wanted = noted?.toLowerCase()
  if (head.hash === wanted) verdict.noted = { seq: 0, at: null }
  let before: Uint8Array = genesis
  let after = Number.MIN_SAFE_INTEGER
  for (let links = source.linksAfter(after); links.length > 0; links = source.linksAfter(after)) {
    check()
    for (const link of links) {
      const reason = faultOf(link, head.seq, before)
      if (reason !== undefined) return { ...verdict, entries: head.seq, fault: { seq: head.seq + 1, reason } }
      before = link.hash
      after = link.seq
      Object.assign(head, { seq: link.seq, at: link.at, hash: hex(link.hash) })
      if (head.hash === wanted) verdict.noted = { seq: link.seq, at: link.at }
    }
  }
  verdict.entries = head.seq
  if (noted !== undefined && !verdict.noted) return { ...verdict, fault: { seq: null, reason: notThere } }
  return { ...verdict, ok: true }
}

const notThere =
  'The entry with the hash that was noted is not there. Entries were taken from the end, or the database is another one ' +
  'or a backup from before that.'

function faultOf({ seq, canonical, hash }: Link, last: number, before: Uint8Array): string | undefined {
  const wanted = last + 1
  if (seq < wanted) return `Before entry ${wanted} there is one that does not belong there, with the number ${seq}.`
  if (seq > wanted) return `Entry ${wanted} is missing.`
  if (linkHash(before, canonical).equals(hash)) return undefined
  return `Entry ${seq} is not what was written, or does not follow the one before it.`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
