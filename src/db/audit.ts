/** Over what somebody acted; `agent` is a run that acts for them, `gateway` the gateway by itself. */
export type AuditChannel = 'ws' | 'http' | 'cli' | 'agent' | 'gateway'

export type AuditOutcome = 'ok' | 'failed' | 'refused'

/** What is to be written into the audit trail. */
export interface AuditEntry {
  at: number
  /** What was done, such as `token.create`. */
  action: string
  /** Who did it; null for nobody who is known, and for the gateway itself. */
  tokenId: string | null
  channel: AuditChannel
  address: string | null
  userAgent: string | null
  /** What it was done to, such as the id of a session. */
  target: string | null
  outcome: AuditOutcome
  /** What else there is to know. No secrets. */
  details: Record<string, unknown> | null
}

/** The input of a command with an entry that is in the same commit as what it does, and only if it does something. */
export type Audited<Input> = Input & { audit?: AuditEntry | undefined }

/** What was written. */
export interface AuditRow extends AuditEntry {
  /** 1 for the first, without a gap. */
  seq: number
  /** That the token had then. */
  tokenName: string | null
  /** SHA-256, hex. */
  hash: string
}

/** The newest entry, by which all before it can be held to; of an empty trail its seq is 0. */
export interface AuditHead {
  seq: number
  hash: string
}

export interface AuditQuery {
  limit: number
  /** Only entries older than this one. */
  before?: number | undefined
  action?: string | undefined
  tokenId?: string | undefined
}

/** What a look through the whole chain came to. */
export interface AuditVerdict {
  ok: boolean
  /** Entries that are right, from the first on. */
  entries: number
  /** The last of these. */
  head: AuditHead & { at: number | null }
  /** The first thing that is wrong; its entry, where it is one. */
  fault: { seq: number | null; reason: string } | null
  /** The entry of the head that was noted, if one was given and is there. */
  noted: { seq: number; at: number | null } | null
}
