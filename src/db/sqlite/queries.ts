import type { Queries } from '../store.ts'
import { storageError, unavailableError } from './errors.ts'
import { findInvocation, getInvocation } from './invocations.ts'
import { getMessage, history } from './messages.ts'
import type { Connection } from './open.ts'
import { activeRun, getRun, listRuns, nextQueuedRun, unfinishedRuns } from './runs.ts'
import { listSessions } from './session-list.ts'
import { counts, getHead, getMemorySummary, getSession, sessionUsage } from './sessions.ts'
import { getToken, getWebSession, listTokens } from './tokens.ts'

/** Everything that reads, on one connection. A query is so short that it is answered in the thread that asks. */
export function createQueries(connection: Connection): Queries {
  const query =
    <Input extends unknown[], Result>(read: (connection: Connection, ...input: Input) => Result) =>
    async (...input: Input): Promise<Result> => {
      if (!connection.database.open) throw unavailableError('Storage is closed.')
      try {
        return read(connection, ...input)
      } catch (thrown) {
        throw storageError(thrown)
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
    getInvocation: query(getInvocation),
    findInvocation: query(findInvocation),
    getToken: query(getToken),
    listTokens: query(listTokens),
    getWebSession: query(getWebSession),
  }
}
