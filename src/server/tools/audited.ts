import type { AuditEntry } from '../../db/store.ts'
import { agentFor } from '../actors.ts'
import { auditEntry } from '../audit.ts'
import { sha256 } from '../auth.ts'
import type { ToolOutcome, ToolRunInput } from '../record.ts'

/**
 * What the audit trail says of a run: which tool, who decided, how it ended. Of its arguments only a hash, because they
 * may hold what nobody else should read; whoever has them from elsewhere can show that these were they.
 */
export function auditOf(input: ToolRunInput, outcome: ToolOutcome, at: number): AuditEntry {
  const { sessionId, runId, args, tokenId, by = agentFor(tokenId) } = input
  const { invocationId, decision, success, code, durationMs, dryRun } = outcome
  const result = success ? 'ok' : decision?.allowed === false ? 'refused' : 'failed'
  const about = { invocationId, sessionId, runId, rule: decision?.rule, code, durationMs, dryRun }
  const details = { ...about, argsSha256: sha256(JSON.stringify(args)) }
  return auditEntry({ action: 'tool.run', target: input.toolName, outcome: result, details }, by, at)
}
