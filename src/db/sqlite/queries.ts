import type { HeavyQueries, Queries } from '../store.ts'
import { budgetStates, payingDay } from './accounts.ts'
import { getAttachment, keptContents, listAttachments } from './attachments.ts'
import { auditHead, listAudit } from './audit.ts'
import { getDelegation, runProfile, unfinishedDelegations } from './delegations.ts'
import { listDeleted } from './deleted-list.ts'
import { foreseeFacts, getFacts, getPersona } from './documents.ts'
import { storageError, unavailableError } from './errors.ts'
import { getKeptOfImports, getWholeSession } from './export.ts'
import { gathered } from './gathered-reads.ts'
import { findGrant, hasGrant, listGrants } from './grants.ts'
import { findReply } from './idempotency.ts'
import { findImports } from './import.ts'
import { findInvocation, getInvocation } from './invocations.ts'
import { listMemory } from './memory.ts'
import { memoryCounts } from './memory-state.ts'
import { getMessage, history } from './messages.ts'
import { findNote, getNote, listNotes } from './notes.ts'
import type { Connection } from './open.ts'
import { quietSessions } from './retention.ts'
import { activeRun, getRun, listFailedRuns, listRuns, nextQueuedRun, unfinishedRuns } from './runs.ts'
import { scheduleRuns } from './schedule-runs.ts'
import { getSchedule, listSchedules } from './schedules.ts'
import { listSessions } from './session-list.ts'
import { counts, getHead, getMemorySummary, getSession, sessionUsage } from './sessions.ts'
import { getTask, listTasks } from './tasks.ts'
import { getToken, getWebSession, listTokens } from './tokens.ts'
import { getInvocationItem, listInvocations } from './tool-runs.ts'
import { sessionSpending } from './usage.ts'

/** Everything that reads, on one connection. A query is so short that it is answered in the thread that asks. */
export function createQueries(
  connection: Connection,
  onError: (error: unknown) => void = () => undefined,
): Omit<Queries, keyof HeavyQueries> {
  const look = <Result>(read: () => Result): Result => {
    if (!connection.database.open) throw unavailableError('Storage is closed.')
    try {
      return read()
    } catch (thrown) {
      const error = storageError(thrown)
      onError(error)
      throw error
    }
  }
  const query =
    <Input extends unknown[], Result>(read: (connection: Connection, ...input: Input) => Result) =>
    async (...input: Input): Promise<Result> =>
      look(() => read(connection, ...input))
  return {
    getSession: query(getSession),
    listSessions: query(listSessions),
    listDeleted: query(listDeleted),
    getHead: query(getHead),
    history: query(history),
    getMessage: query(getMessage),
    getRun: query(getRun),
    activeRun: query(activeRun),
    nextQueuedRun: query(nextQueuedRun),
    unfinishedRuns: query(unfinishedRuns),
    listRuns: query(listRuns),
    listFailedRuns: query(listFailedRuns),
    getMemorySummary: query(getMemorySummary),
    counts: query(counts),
    budgetStates: query(budgetStates),
    payingDay: query(payingDay),
    sessionSpending: query(sessionSpending),
    sessionUsage: query(sessionUsage),
    quietSessions: query(quietSessions),
    getWholeSession: query(getWholeSession),
    getKeptOfImports: query(getKeptOfImports),
    findImports: query(findImports),
    getInvocation: query(getInvocation),
    // Each run of a tool asks for one.
    findInvocation: gathered(connection, request => look(() => findInvocation(connection, request))),
    findReply: query(findReply),
    listInvocations: query(listInvocations),
    getInvocationItem: query(getInvocationItem),
    getAttachment: query(getAttachment),
    listAttachments: query(listAttachments),
    keptContents: query(keptContents),
    findGrant: query(findGrant),
    hasGrant: query(hasGrant),
    listGrants: query(listGrants),
    listMemory: query(listMemory),
    getFacts: query(getFacts),
    foreseeFacts: query(foreseeFacts),
    getPersona: query(getPersona),
    getNote: query(getNote),
    findNote: query(findNote),
    listNotes: query(listNotes),
    getTask: query(getTask),
    listTasks: query(listTasks),
    memoryCounts: query(memoryCounts),
    getDelegation: query(getDelegation),
    unfinishedDelegations: query(unfinishedDelegations),
    runProfile: query(runProfile),
    listSchedules: query(listSchedules),
    getSchedule: query(getSchedule),
    scheduleRuns: query(scheduleRuns),
    getToken: query(getToken),
    listTokens: query(listTokens),
    getWebSession: query(getWebSession),
    listAudit: query(listAudit),
    auditHead: query(auditHead),
  }
}
