import type { Session } from '../../protocol/shapes.ts'
import type { Commands } from '../store.ts'
import { appendToolCalls, appendToolResult, finishRun } from './answer.ts'
import { addAttachment, pruneAttachments } from './attachments.ts'
import { audited, recordAudit } from './audit.ts'
import { reopenDay, reserveCall, settleCalls, settleLeftOver } from './budget.ts'
import { beginDelegation } from './delegations.ts'
import { mergeFacts, savePersona } from './documents.ts'
import { recordEndedRuns } from './ended-runs.ts'
import { forget } from './forget.ts'
import { forkSession } from './forks.ts'
import { addGrant, revokeGrant } from './grants.ts'
import { eraseStep, probe, pruneStep } from './housekeeping.ts'
import { keepReply, once } from './idempotency.ts'
import {
  beginImport,
  dropUnfinishedImports,
  giveUpImport,
  importRows,
  type Progress,
  recordImport,
  showImported,
  verifyStep,
} from './import.ts'
import { beginInvocation, finishInvocation, interruptInvocations } from './invocations.ts'
import { appendMemory, taintRun } from './memory.ts'
import { saveNote } from './notes.ts'
import type { Command, CommandInput, CommandResult } from './outcome.ts'
import { retireSession } from './retention.ts'
import { savePartialText, startRun } from './runs.ts'
import { fireSchedule } from './schedule-runs.ts'
import { addSchedule, passSchedule, pauseSchedule, removeSchedule } from './schedules.ts'
import { indexStep } from './search-index.ts'
import { sendMessage } from './send.ts'
import { deleteSession, resetSession } from './session-end.ts'
import { createSession, restoreSession, saveMemorySummary, updateSession } from './sessions.ts'
import { addTask, completeTask } from './tasks.ts'
import { createToken, createWebSession, deleteWebSession, putToken, revokeToken, touchTokens } from './tokens.ts'
import { recordRefusal } from './tool-runs.ts'

// These two can take long, so they are done in steps that others come between.
type InSteps = 'prune' | 'eraseDeleted'
// An import is counted and compared on the caller's side, in import-orders.ts.
type Import = 'importEntries' | 'finishImport' | 'abandonImport'
// Many of them go as one command, see ended-runs.ts.
type Grouped = 'recordEnded'

type CommandTable = {
  [Name in Exclude<keyof Commands, InSteps | Import | Grouped>]: Command<CommandInput<Name>, CommandResult<Name>>
} & {
  pruneStep: Command<CommandInput<'prune'>, { more: boolean }>
  eraseStep: Command<CommandInput<'eraseDeleted'>, { erased: number; more: boolean }>
  indexStep: Command<undefined, { more: boolean }>
  importRows: Command<Parameters<typeof importRows>[1], undefined>
  verifyStep: Command<Parameters<typeof verifyStep>[1], Progress & { more: boolean }>
  showImported: Command<Parameters<typeof showImported>[1], { session: Session }>
  giveUpImport: Command<{ sessionId: string }, undefined>
  recordEndedRuns: Command<Parameters<typeof recordEndedRuns>[1], undefined>
}

export type CommandName = keyof CommandTable
export type InputOf<Name extends CommandName> = Parameters<CommandTable[Name]>[1]
export type ResultOf<Name extends CommandName> = ReturnType<CommandTable[Name]>['result']

/** Everything that writes. */
export const commands: CommandTable = {
  createSession: once(createSession),
  updateSession: once(updateSession),
  resetSession: audited(once(resetSession)),
  deleteSession: audited(once(deleteSession)),
  restoreSession: audited(once(restoreSession)),
  forkSession: once(forkSession),
  retireSession: audited(retireSession),
  saveMemorySummary,
  sendMessage,
  startRun,
  savePartialText,
  appendToolCalls,
  appendToolResult,
  finishRun,
  reserveCall,
  settleCalls,
  settleLeftOver,
  reopenDay,
  beginInvocation,
  finishInvocation,
  interruptInvocations,
  recordRefusal,
  recordEndedRuns,
  addAttachment,
  pruneAttachments,
  addGrant,
  revokeGrant,
  appendMemory: once(appendMemory),
  mergeFacts: once(mergeFacts),
  savePersona: once(savePersona),
  saveNote: once(saveNote),
  addTask: once(addTask),
  completeTask: once(completeTask),
  forget: audited(forget),
  taintRun,
  beginDelegation,
  addSchedule: audited(once(addSchedule)),
  removeSchedule: audited(removeSchedule),
  pauseSchedule: audited(pauseSchedule),
  fireSchedule,
  passSchedule,
  createToken: audited(once(createToken)),
  putToken: audited(putToken),
  revokeToken: audited(revokeToken),
  touchTokens,
  createWebSession: audited(createWebSession),
  deleteWebSession: audited(deleteWebSession),
  recordAudit,
  beginImport,
  importRows,
  verifyStep,
  showImported: audited(showImported),
  giveUpImport,
  dropUnfinishedImports,
  recordImport,
  keepReply,
  pruneStep,
  eraseStep,
  indexStep,
  probe,
}
