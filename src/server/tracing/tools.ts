import type { Tools } from '../record.ts'
import type { Tracing } from '../record-tracing.ts'

/** The same tools, each run of which is a span of the run or the request that asks. */
export function tracedTools(tools: Tools, tracing: Tracing): Tools {
  return {
    ...tools,
    run: input => {
      if (!tracing.enabled) return tools.run(input)
      return tracing.around(
        `execute_tool ${input.toolName}`,
        {
          parent: input.trace,
          attributes: {
            'gen_ai.operation.name': 'execute_tool',
            'gen_ai.tool.name': input.toolName,
            'talon.session.id': input.sessionId,
            'talon.run.id': input.runId,
          },
        },
        async span => {
          const outcome = await tools.run(input)
          const { invocationId, success, code, duplicate, dryRun } = outcome
          span.set({ 'talon.invocation.id': invocationId, 'talon.duplicate': duplicate, 'talon.dry_run': dryRun })
          if (!success) span.fail(code ?? 'INTERNAL')
          return outcome
        },
      )
    },
  }
}
