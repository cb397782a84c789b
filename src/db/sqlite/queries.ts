import type { HeavyQueries, Queries } from '../store.ts'
import { storageError, unavailableError } from './errors.ts'
import { getKeptOfImports, getWholeSession } from './export.ts'
import { findReply } from './idempotency.ts'
import { findImports } from './import.ts'
import { findInvocation, getInvocation } from './invocations.ts'
import { getMessage, history } from './messages.ts'
import type { Connection } from './open.ts'
import { quietSessions } from './retention.ts'
import { activeRun, getRun, listRuns, nextQueuedRun, unfinishedRuns } from './runs.ts'
import { listSessions } from './session-list.ts'
import { counts, getHead, getMemorySummary, getSession, sessionUsage } from './sessions.ts'
import { getToken, getWebSession, listTokens } from './tokens.ts'

/** Everything that reads, on one connection. A query is so short that it is answered in the thread that asks. */
export function createQueries(
  connection: Connection,
  onError: (error: unknown) => void = () => undefined,
): Omit<Queries, keyof HeavyQueries> {
  const query =
    <Input extends unknown[], Result>(read: (connection: Connection, ...input: Input) => Result) =>
    async (...input: Input): Promise<Result> => {
      if (!connection.database.open) throw unavailableError('Storage is closed.')
      try {
        return read(connection, ...input)
      } catch (thrown) {
        const error = storageError(thrown)
        onError(error)
        throw error
      }
    }
  return {
    getSession: query(getSession),
    listSessions: query(listSessions),
    getHead: query(getHead),
    history: query(history),
    getMessage: query(getMessage),
    getRun: query(getRun),
    activeRun: query(activeRun),
    nextQueuedRun: query(nextQueuedRun),
    unfinishedRuns: query(unfinishedRuns),
    listRuns: query(listRuns),
    getMemorySummary: query(getMemorySummary),
    counts: query(counts),
    sessionUsage: query(sessionUsage),
    quietSessions: query(quietSessions),
    getWholeSession: query(getWholeSession),
    getKeptOfImports: query(getKeptOfImports),
    findImports: query(findImports),
    getInvocation: query(getInvocation),
    findInvocation: query(findInvocation),
    findReply: query(findReply),
    getToken: query(getToken),
    listTokens: query(listTokens),
    getWebSession: query(getWebSession),
  }
}
