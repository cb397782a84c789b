import type { Connection } from './open.ts'

/** Begins the ids of sessions of sub-runs, and of no others, so that nobody else pays for a look. */
export const delegatePrefix = 'sub_'

/** The session whose budgets pay for another: for that of a sub-run the one that all of it began in. */
export function payingSession(connection: Connection, sessionId: string): string {
  if (!sessionId.startsWith(delegatePrefix)) return sessionId
  const payer = connection
    .prepared<string>('SELECT payer_session_id FROM delegations WHERE session_id = ?')
    .pluck()
    .get(sessionId)
  return payer ?? sessionId
}
