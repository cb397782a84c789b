import { errorCodes } from '../../protocol/errors.ts'
import type { ToolOutcome, Tools } from '../record.ts'
import type { Metrics } from '../record-metrics.ts'

/** The same tools, each run of which is counted by its outcome. */
export function measuredTools(tools: Tools, metrics: Metrics): Tools {
  const count = (outcome: ToolOutcome) => {
    if (outcome.duplicate) return outcome
    const { toolName, success, code = 'INTERNAL', durationMs } = outcome
    const ended = success ? 'ok' : Object.hasOwn(errorCodes, code) ? code : 'INTERNAL'
    metrics.inc('talon_tools_executed_total', toolName, ended)
    metrics.observe('talon_tool_duration_seconds', durationMs, toolName, success ? 'ok' : 'failed')
    return outcome
  }
  return {
    ...tools,
    run: input => tools.run(input).then(count),
  }
}
