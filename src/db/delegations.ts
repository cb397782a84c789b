import type { DelegateRole, Profile, ToolInfo } from '../protocol/shapes.ts'
import type { Accepted } from './records.ts'

/** A session that was made for a sub-run. */
export interface Delegation {
  sessionId: string
  /** The run that does what was asked for; others may follow it. */
  runId: string
  /** Who asks; null for whoever called the tool outside of a session, or of a run. */
  parentSessionId: string | null
  parentRunId: string | null
  role: DelegateRole
  /** 1 where a run that is no sub-run asks. */
  depth: number
  /** Of the tools that it may use. */
  permissions: readonly ToolInfo['permission'][]
}

export interface DelegationCommands {
  /**
   * Makes the session of a sub-run, with what it is asked as its first message and the run for it. The budgets of the
   * session that asks pay for it too. `CANCELLED` if the run that asks has ended.
   */
  beginDelegation(
    input: Omit<Delegation, 'runId'> & {
      messageId: string
      runId: string
      title: string
      senderId: string
      model?: string | undefined
      profile: Profile | null
      tainted: boolean
      text: string
      tokenId: string
      at: number
    },
  ): Promise<Accepted>
}

export interface DelegationQueries {
  getDelegation(sessionId: string): Promise<Delegation | undefined>
  /** The runs of those that have not ended. */
  unfinishedDelegations(): Promise<string[]>
  /** The most that tools may do in a run; null where its session alone says that. */
  runProfile(runId: string): Promise<Profile | null>
}
