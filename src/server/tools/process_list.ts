import * as z from 'zod'
import { maxPerOwner, ownerOf } from './processes.ts'
import { lineOf } from './processText.ts'
import { defineTool } from './tool.ts'

export default defineTool({
  name: 'process_list',
  description: 'Lists the processes of this session that process_start began, and how those that ended did.',
  group: 'shell',
  permission: 'safe',
  schema: z.strictObject({}),
  example: {},
  dryRun: async () => 'Would list the processes of this session.',
  async run(_args, context) {
    const all = context.processes.list(ownerOf(context))
    if (all.length === 0) return `No process runs here. process_start begins one, at most ${maxPerOwner} at once.`
    return all.map(lineOf).join('\n')
  },
})
