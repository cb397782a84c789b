import { TalonError } from '../../protocol/errors.ts'
import { defineHandler } from '../dispatch.ts'
import { toolRunOf } from '../tool-run.ts'

export const handler = defineHandler('tools.run', async (app, { invocationId }) => {
  const item = await app.store.getInvocationItem(invocationId)
  const outcome = (await app.store.getInvocation(invocationId))?.outcome
  if (!item) throw new TalonError('NOT_FOUND', 'There is no run of a tool with this id (any more).')
  const output = outcome?.['output']
  return { run: toolRunOf(item), output: typeof output === 'string' ? output : null }
})
