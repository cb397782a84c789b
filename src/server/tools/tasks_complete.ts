import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { minuteOf, originOf } from './memory/keep.ts'
import { defineTool, type ToolStore } from './tool.ts'

export default defineTool({
  name: 'tasks_complete',
  description: 'Marks a task as done, by the number that tasks_add and tasks_list say.',
  group: 'tasks',
  permission: 'write',
  schema: z.strictObject({
    id: z.union([z.int().positive(), z.string().min(1).max(100)]).describe('Number of the task.'),
  }),
  example: { id: 17 },
  async dryRun({ id }, { store }) {
    const { title, completedAt } = await find(store, id)
    if (completedAt !== null) return `Nothing would change: ${JSON.stringify(title)} is completed already.`
    return `Would complete ${JSON.stringify(title)}.`
  },
  async run({ id }, context) {
    const { at, request } = originOf(context)
    const { task, already } = await context.store.completeTask({ id: numberOf(id), at, request })
    const name = `task ${task.id}, ${JSON.stringify(task.title)}`
    const output = already
      ? `Nothing changes: ${name}, was completed already, on ${minuteOf(task.completedAt ?? at)}.`
      : `Completed ${name}.`
    return { output, taints: task.tainted }
  },
})

async function find(store: ToolStore, id: number | string) {
  const task = await store.getTask(numberOf(id))
  if (!task) throw unknown(id)
  return task
}

/** People write #17. @throws TalonError `NOT_FOUND` */
function numberOf(id: number | string): number {
  const digits = /^#?(\d{1,15})$/.exec(String(id).trim())?.[1]
  if (digits === undefined) throw unknown(id)
  return Number(digits)
}

function unknown(id: number | string): TalonError {
  return new TalonError('NOT_FOUND', `There is no task ${JSON.stringify(id)}. tasks_list shows which there are.`)
}
