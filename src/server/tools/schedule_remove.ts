import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { storedLine } from './memory/keep.ts'
import { defineTool, type ToolContext } from './tool.ts'

export default defineTool({
  name: 'schedule_remove',
  description: 'Removes something that is scheduled, so that it comes no more. schedule_list shows the ids.',
  group: 'schedule',
  permission: 'write',
  schema: z.strictObject({ id: storedLine(100).describe('As schedule_list shows it.') }),
  example: { id: 'sched_019c6f3a-7c00-7d42-9a51-3f0f7f6f2b10' },
  async dryRun({ id }, context) {
    return `Would remove ${JSON.stringify((await find(context, id)).name)}.`
  },
  async run({ id }, context) {
    const { name } = await find(context, id)
    await context.schedules.remove(id)
    return `Removed ${JSON.stringify(name)}.`
  },
})

async function find({ schedules, scopesOf, tokenId }: ToolContext, id: string) {
  const scopes = await scopesOf(tokenId)
  if (!scopes.has('chat')) {
    throw new TalonError('FORBIDDEN', 'To change what is scheduled takes a token with the scope "chat".')
  }
  const found = (await schedules.list()).find(schedule => schedule.id === id)
  const isTheirs = found && (scopes.has('read') || found.tokenId === tokenId)
  if (isTheirs) return found
  throw new TalonError(
    'NOT_FOUND',
    `Nothing of the id ${JSON.stringify(id)} is scheduled. schedule_list shows the ids.`,
  )
}
