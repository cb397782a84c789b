import type { Tools } from '../record.ts'
import type { Limits } from '../record-limits.ts'

/** The same tools, each run of which counts for its session, or for its token where there is none. */
export function limitedTools(tools: Tools, limits: Pick<Limits, 'take'>): Tools {
  return {
    ...tools,
    async run(input) {
      limits.take('toolExecutions', toolKey(input.sessionId, input.tokenId))
      return tools.run(input)
    },
  }
}

/** Whose bucket a tool takes from. A caller names the session, so that its id must never be taken for that of a token. */
export function toolKey(sessionId: string | undefined, tokenId: string | null): string {
  return sessionId === undefined ? `token ${tokenId ?? 'nobody'}` : `session ${sessionId}`
}
