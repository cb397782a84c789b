import type { AuditEntry, Audited, AuditHead, AuditQuery, AuditRow } from './audit.ts'
import type { NewToken, Once, RequestKey, TokenRow, WebSession } from './records.ts'

/** Who may enter, and what is kept of who did what. */
export interface AccessCommands {
  /** A repeat makes no token and answers with the id of the first. */
  createToken(input: Audited<NewToken & { request?: RequestKey | undefined }>): Promise<Once<{ id: string }>>
  /** Creates or replaces the token of this id, for one that comes from the environment. */
  putToken(input: Audited<NewToken>): Promise<void>
  /** Revokes it and ends its web sessions; false if there is no such live token. */
  revokeToken(input: Audited<{ id: string; at: number }>): Promise<boolean>
  touchTokens(input: { ids: string[]; at: number }): Promise<void>
  createWebSession(input: Audited<WebSession>): Promise<void>
  deleteWebSession(input: Audited<{ hash: string }>): Promise<void>
  /** Adds an entry to the audit trail that belongs to no other command. One that does goes with it, as its `audit`. */
  recordAudit(input: AuditEntry): Promise<void>
}

export interface AccessQueries {
  getToken(id: string): Promise<TokenRow | undefined>
  listTokens(): Promise<TokenRow[]>
  getWebSession(hash: string): Promise<WebSession | undefined>
  /** Newest first. */
  listAudit(query: AuditQuery): Promise<AuditRow[]>
  auditHead(): Promise<AuditHead>
}
