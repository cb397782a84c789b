import type { Session } from '../../protocol/shapes.ts'
import type { Commands } from '../store.ts'
import { appendToolCalls, appendToolResult, finishRun } from './answer.ts'
import { forkSession } from './forks.ts'
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
import type { Command, CommandInput, CommandResult } from './outcome.ts'
import { retireSession } from './retention.ts'
import { savePartialText, startRun } from './runs.ts'
import { indexStep } from './search-index.ts'
import { sendMessage } from './send.ts'
import { deleteSession, resetSession } from './session-end.ts'
import { createSession, restoreSession, saveMemorySummary, updateSession } from './sessions.ts'
import { createToken, createWebSession, deleteWebSession, putToken, revokeToken, touchTokens } from './tokens.ts'

// These two can take long, so they are done in steps that others come between.
type InSteps = 'prune' | 'eraseDeleted'
// An import is counted and compared on the caller's side, in import-orders.ts.
type Import = 'importEntries' | 'finishImport' | 'abandonImport'

type CommandTable = {
  [Name in Exclude<keyof Commands, InSteps | Import>]: Command<CommandInput<Name>, CommandResult<Name>>
} & {
  pruneStep: Command<CommandInput<'prune'>, { more: boolean }>
  eraseStep: Command<CommandInput<'eraseDeleted'>, { erased: number; more: boolean }>
  indexStep: Command<undefined, { more: boolean }>
  importRows: Command<Parameters<typeof importRows>[1], undefined>
  verifyStep: Command<Parameters<typeof verifyStep>[1], Progress & { more: boolean }>
  showImported: Command<Parameters<typeof showImported>[1], { session: Session }>
  giveUpImport: Command<{ sessionId: string }, undefined>
}

export type CommandName = keyof CommandTable
export type InputOf<Name extends CommandName> = Parameters<CommandTable[Name]>[1]
export type ResultOf<Name extends CommandName> = ReturnType<CommandTable[Name]>['result']

/** Everything that writes. */
export const commands: CommandTable = {
  createSession: once(createSession),
  updateSession: once(updateSession),
  resetSession: once(resetSession),
  deleteSession: once(deleteSession),
  restoreSession: once(restoreSession),
  forkSession: once(forkSession),
  retireSession,
  saveMemorySummary,
  sendMessage,
  startRun,
  savePartialText,
  appendToolCalls,
  appendToolResult,
  finishRun,
  beginInvocation,
  finishInvocation,
  interruptInvocations,
  createToken: once(createToken),
  putToken,
  revokeToken,
  touchTokens,
  createWebSession,
  deleteWebSession,
  beginImport,
  importRows,
  verifyStep,
  showImported,
  giveUpImport,
  dropUnfinishedImports,
  recordImport,
  keepReply,
  pruneStep,
  eraseStep,
  indexStep,
  probe,
}
