import * as z from 'zod'
import { ownerOf } from './processes.ts'
import { describeProcess } from './processText.ts'
import { defineTool } from './tool.ts'

const maxWaitMs = 30_000

const schema = z.strictObject({
  id: z.string().min(1).max(40).describe('Id that process_start returned.'),
  since: z.number().int().min(0).default(0).describe('Where the last reading ended; 0 is the oldest that is kept.'),
  waitMs: z
    .number()
    .int()
    .min(0)
    .max(maxWaitMs)
    .default(0)
    .describe('Milliseconds to wait for output where there is nothing new.'),
})

export default defineTool({
  name: 'process_output',
  description:
    'Returns what a process of process_start has written, both streams as they came, and whether it still runs.',
  group: 'shell',
  permission: 'safe',
  schema,
  example: { id: 'p1', since: 0, waitMs: 5_000 },
  timeoutMs: maxWaitMs * 2,
  taints: true,
  dryRun: async ({ id }, context) => {
    const found = context.processes.list(ownerOf(context)).some(process => process.id === id)
    return found ? `Would read the output of ${id}.` : `There is no process ${JSON.stringify(id)} here.`
  },
  run: async ({ id, ...read }, context) =>
    describeProcess(await context.processes.output(ownerOf(context), id, { ...read, signal: context.signal })),
})
