import type { DelegateRole, RunState, Usage } from '../protocol/shapes.ts'

/** Sub-runs: one run hands a task to another, which works on it in a session of its own. */
export interface Agents {
  /**
   * Resolves when the sub-run has ended, however it ended. It ends with the signal.
   * @throws TalonError `FORBIDDEN` where it would be nested too deeply, `INVALID_MESSAGE` for a model that is not known,
   * `OVERLOADED`, `CANCELLED`, `INTERRUPTED`, or what the store throws
   */
  delegate(task: DelegatedTask): Promise<DelegateResult>
}

export interface DelegatedTask {
  role: DelegateRole
  task: string
  /** What it has to know beside the task: it sees nothing of the conversation that asks. */
  context: string
  /** That of the session that asks, if absent. */
  model?: string | undefined
  /** Who asks. */
  sessionId: string | undefined
  runId: string | undefined
  tokenId: string | null
  /** Whether text of others is in what is asked. */
  tainted: boolean
  signal: AbortSignal
}

export interface DelegateResult {
  sessionId: string
  runId: string
  state: RunState
  /** What it said at last; only a part of it where it did not come to its end. */
  text: string
  /** Why it did not. */
  error: string | null
  usage: Usage
  /** Whether text of others was in what it saw: its answer is such text then. */
  tainted: boolean
}
