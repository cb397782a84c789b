import * as z from 'zod'
import { originOf, storedLine, storedText } from './memory/keep.ts'
import { defineTool } from './tool.ts'

export default defineTool({
  name: 'tasks_add',
  description: 'Adds something that is to be done to the list of tasks.',
  group: 'tasks',
  permission: 'write',
  schema: z.strictObject({
    title: storedLine(500).describe('What is to be done, in a line.'),
    description: storedText(8_000, 0).default('').describe('What else there is to know.'),
    priority: z.enum(['low', 'medium', 'high']).default('medium'),
  }),
  example: { title: 'Renew passport', priority: 'high' },
  dryRun: async ({ title, priority }) => `Would add the task ${JSON.stringify(title)}, priority ${priority}.`,
  async run({ title, description, priority }, context) {
    const { id } = await context.store.addTask({ ...originOf(context), title, description, priority })
    return `Added as task ${id}: ${JSON.stringify(title)}, priority ${priority}.`
  },
})
