import { userInfo } from 'node:os'
import type { AuditEntry } from '../db/audit.ts'
import type { Context } from './context.ts'

/** What the audit trail says of work on the files of a data folder: no gateway knows who it was, but the system does. */
export function offlineEntry(
  { clock }: Context,
  action: string,
  about: { target?: string; details?: Record<string, unknown> },
): AuditEntry {
  return {
    at: clock.now(),
    action,
    tokenId: null,
    channel: 'cli',
    address: null,
    userAgent: null,
    target: about.target ?? null,
    outcome: 'ok',
    details: { ...about.details, user: userName() },
  }
}

/** An account may have no name, as in a container. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.()}`
  }
}
