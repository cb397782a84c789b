import type { Tools } from '../record.ts'
import type { Limits } from '../record-limits.ts'

/** The same tools, each run of which counts for its session, or for its token where there is none. */
export function limitedTools(tools: Tools, limits: Pick<Limits, 'take'>): Tools {
  return {
    ...tools,
    async run(input) {
      limits.take('toolExecutions', input.sessionId ?? input.tokenId ?? 'nobody')
      return tools.run(input)
    },
  }
}
