import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'
import type { ToolOutcome } from '../record.ts'
import { toolRunOf } from '../tool-run.ts'

export const handler = defineHandler('tools.run', async (app, { invocationId }) => {
  const item = await app.store.getInvocationItem(invocationId)
  const outcome = (await app.store.getInvocation(invocationId))?.outcome
  if (!item) throw new TalonError('NOT_FOUND', 'There is no run of a tool with this id (any more).')
  // Stored as the result carried it, or in the same shape by the store.
  const { output, attachments } = (outcome ?? {}) as Partial<ToolOutcome>
  return { run: toolRunOf(item), output: output ?? null, ...(attachments && { attachments }) }
})
