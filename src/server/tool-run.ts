import type { InvocationItem } from '../db/store.ts'
import type { ReplyPayload } from '../protocol/messages.ts'

type ToolRun = ReplyPayload<'tools.run'>['run']

/** A run of a tool as the history shows it. */
export function toolRunOf({ id, decision, ...item }: InvocationItem): ToolRun {
  // Stored as the result carried it.
  return { invocationId: id, ...item, decision: decision as ToolRun['decision'] }
}
