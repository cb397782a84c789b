import type { RequestKey } from '../db/store.ts'
import type { EventPayload } from '../protocol/messages.ts'
import type { ToolDecision, ToolInfo } from '../protocol/shapes.ts'
import type { AttachmentRef } from './attachments.ts'
import type { Actor } from './record-audit.ts'
import type { TraceContext } from './record-tracing.ts'

export interface Tools {
  list(): ToolInfo[]
  /** The payload of `tools.list`: the same object as long as nothing changed, so that it is written once. */
  listing(): { tools: ToolInfo[] }
  /** What would be decided about each tool by its name, for this token and in this session, with arguments that nobody looked at. */
  decisions(asking: { tokenId: string | null; sessionId?: string | undefined }): Promise<Record<string, ToolDecision>>
  /** The folder that tools work in, an absolute path. */
  workspace: string
  /** Runs a tool with validation, permission, timeout and recording. Rejects only for what is no tool's failure: SESSION_NOT_FOUND, TOOL_NOT_FOUND, CONFLICT, OVERLOADED, storage. */
  run(input: ToolRunInput): Promise<ToolOutcome>
  /** Stops a tool that runs; false if none of this id does. The id may be that of the request that began it, if this token sent it. */
  cancel(invocationId: string, tokenId?: string): boolean
  /** Finds out what works here: the sandbox, own tools. Nobody needs to wait for it. */
  start(): Promise<void>
  /** Waits so long for the tools that run, then ends them and processes that tools left running; resolves when there are none. */
  stop(graceMs: number): Promise<void>
}

export interface ToolRunInput {
  toolName: string
  args: Record<string, unknown>
  tokenId: string | null
  /** Who asks, and from where; the agent for this token if absent. */
  by?: Actor | undefined
  sessionId?: string | undefined
  runId?: string | undefined
  dryRun?: boolean | undefined
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
  /** The call of a model that asks. */
  callId?: string | undefined
  /** Hears what the tool shows while it runs, beside the subscribers of the session. */
  onStream?: ((payload: EventPayload<'tool.stream'>) => void) | undefined
  request?: RequestKey | undefined
  /** The span that asks. */
  trace?: TraceContext | undefined
}

/** The payload of `tools.result`. */
export interface ToolOutcome {
  toolName: string
  invocationId: string
  /** Set where nothing was done: the output says what would be. */
  dryRun?: boolean
  success: boolean
  output: string
  error?: string
  code?: string
  durationMs: number
  truncated: boolean
  /** Files that it made for people. */
  attachments?: AttachmentRef[]
  decision?: ToolDecision
  duplicate?: boolean
}
