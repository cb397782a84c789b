import type { AuditChannel, AuditEntry, AuditOutcome } from '../db/store.ts'
import type { AuditAction } from './audit-actions.ts'

/** From where somebody asks. */
export interface From {
  channel: AuditChannel
  /** Address of the client, as far as the proxies that are trusted tell it. */
  address: string | undefined
  userAgent: string | undefined
}

/** Who does something, and from where. */
export interface Actor extends From {
  /** Null for nobody who is known, and for the gateway itself. */
  tokenId: string | null
}

/** What somebody did. */
export interface AuditEvent {
  action: AuditAction
  /** What it was done to, such as the id of a session or the name of a tool. */
  target?: string | undefined
  /** `ok` if absent. */
  outcome?: AuditOutcome | undefined
  /** What else there is to know. Names, numbers and hashes; never a secret, nor what people have said. */
  details?: Record<string, unknown> | undefined
}

/** The audit trail: entries that are only ever added, each chained to the one before it. */
export interface Audit {
  /** The entry for a command of the store that takes one, so that it is in the same commit as what it tells of. */
  entry(event: AuditEvent, actor: Actor): AuditEntry
  /** Adds an entry by itself, for what is done outside the store. Never rejects: what cannot be written is logged. */
  record(event: AuditEvent, actor: Actor): Promise<void>
  /** Resolves when all that was recorded so far is on disk, or logged because it could not be written. */
  written(): Promise<void>
}
