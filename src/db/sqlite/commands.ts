import type { Commands } from '../store.ts'
import { appendToolCalls, appendToolResult, finishRun } from './answer.ts'
import { eraseStep, probe, pruneStep } from './housekeeping.ts'
import { once } from './idempotency.ts'
import { beginInvocation, finishInvocation, interruptInvocations } from './invocations.ts'
import type { Command, CommandInput, CommandResult } from './outcome.ts'
import { savePartialText, startRun } from './runs.ts'
import { sendMessage } from './send.ts'
import { deleteSession, resetSession } from './session-end.ts'
import { createSession, restoreSession, saveMemorySummary, updateSession } from './sessions.ts'
import { createToken, createWebSession, deleteWebSession, putToken, revokeToken, touchTokens } from './tokens.ts'

// These two can take long, so they are done in steps that others come between.
type InSteps = 'prune' | 'eraseDeleted'

type CommandTable = {
  [Name in Exclude<keyof Commands, InSteps>]: Command<CommandInput<Name>, CommandResult<Name>>
} & {
  pruneStep: Command<CommandInput<'prune'>, { more: boolean }>
  eraseStep: Command<CommandInput<'eraseDeleted'>, { erased: number; more: boolean }>
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
  pruneStep,
  eraseStep,
  probe,
}
