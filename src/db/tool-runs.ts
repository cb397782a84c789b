import type { ToolOutcomeName } from '../protocol/shapes.ts'
import type { Audited } from './audit.ts'
import type { Invocation, RequestKey } from './records.ts'

/** What is noted of a run of a tool as it begins. */
export type NewInvocation = Omit<Invocation, 'finishedAt' | 'outcome'> & {
  /** As its result carries it. */
  decision?: object | undefined
  tainted?: boolean | undefined
  dryRun?: boolean | undefined
}

/** A run of which nothing was stored before it ended. */
export type EndedInvocation = NewInvocation & {
  request?: RequestKey | undefined
  outcome: Record<string, unknown>
  at: number
}

/** One run of a tool in the history, without its output. */
export interface InvocationItem {
  id: string
  tokenId: string | null
  sessionId: string | null
  runId: string | null
  toolName: string
  /** Without secrets; long texts are cut. */
  args: Record<string, unknown>
  startedAt: number
  finishedAt: number | null
  dryRun: boolean
  /** Whether text of others was in what the model saw. */
  tainted: boolean
  decision: Record<string, unknown> | null
  /** Null while it runs. */
  success: boolean | null
  code: string | null
  error: string | null
  durationMs: number | null
  outputBytes: number | null
}

export interface InvocationQuery {
  sessionId?: string | undefined
  toolName?: string | undefined
  outcome?: ToolOutcomeName | undefined
  /** Only runs that began before this one. */
  before?: string | undefined
  limit: number
}

/** What a person allowed beyond one call. */
export interface Grant {
  id: string
  remember: 'session' | 'always'
  /** SHA-256: of tool and subject for a session, else of tool, arguments, workspace and policy. */
  hash: string
  toolName: string
  sessionId: string | null
  subject: string | null
  /** Without secrets, for people. */
  args: Record<string, unknown>
  tainted: boolean
  /** Who allowed it. */
  tokenId: string
  createdAt: number
}

export interface ToolRunCommands {
  /**
   * Records and counts a run that has ended, in one commit with others of the moment. For what can change nothing: a crash
   * before leaves nothing of it. The caller has looked for its request, and lets none of the same in meanwhile.
   */
  recordEnded(input: EndedInvocation): Promise<void>
  /** Records one that was not let run. It is no reply: the same request may be sent again. */
  recordRefusal(input: Audited<NewInvocation & { outcome: Record<string, unknown>; at: number }>): Promise<void>
  /** One that covers the same stays as it is. `CONFLICT` if there are too many. */
  addGrant(input: Audited<Grant>): Promise<{ id: string }>
  /** False if there is none. */
  revokeGrant(input: Audited<{ id: string }>): Promise<boolean>
}

export interface ToolRunQueries {
  /**
   * Newest first; keyset paging. With `toolName` or `outcome` a page may hold fewer than `limit`, and still have a `nextCursor`: a page
   * looks at so many runs only.
   */
  listInvocations(query: InvocationQuery): Promise<{ items: InvocationItem[]; nextCursor: string | null }>
  getInvocationItem(id: string): Promise<InvocationItem | undefined>
  /** What covers a call: by its hash for its session, or by its own. One that was given where text of others was in covers it without such text too. */
  findGrant(query: {
    sessionId: string | undefined
    sessionHash: string
    hash: string
    tainted: boolean
  }): Promise<Grant | undefined>
  hasGrant(id: string): Promise<boolean>
  /** Newest first; all of them, which are bounded. */
  listGrants(): Promise<Grant[]>
}
