import * as z from 'zod'
import { ownerOf } from './processes.ts'
import { lineOf } from './processText.ts'
import { defineTool } from './tool.ts'

const schema = z.strictObject({ id: z.string().min(1).max(40).describe('Id that process_start returned.') })

export default defineTool({
  name: 'process_stop',
  description: 'Ends a process of process_start with all that it started.',
  group: 'shell',
  // It ends only what this session was allowed to start.
  permission: 'safe',
  schema,
  example: { id: 'p1' },
  dryRun: async ({ id }, context) => {
    const found = context.processes.list(ownerOf(context)).find(process => process.id === id)
    return found ? `Would end ${lineOf(found)}` : `There is no process ${JSON.stringify(id)} here.`
  },
  run: async ({ id }, context) => lineOf(await context.processes.stop(ownerOf(context), id)),
})
