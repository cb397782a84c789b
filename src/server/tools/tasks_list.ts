import * as z from 'zod'
import type { Task } from '../../db/store.ts'
import { cutText, dayOf, outsideMark } from './memory/keep.ts'
import { defineTool } from './tool.ts'

const maxDescriptionChars = 200

export default defineTool({
  name: 'tasks_list',
  description:
    'Lists tasks, one per line: pending ones by priority and age, completed ones newest first. Each begins with its number.',
  group: 'tasks',
  permission: 'safe',
  schema: z.strictObject({
    status: z.enum(['pending', 'completed', 'all']).default('pending'),
    limit: z.int().min(1).max(500).default(50).describe('How many at most.'),
  }),
  example: { status: 'pending', limit: 20 },
  dryRun: async ({ status, limit }) => `Would list up to ${limit} tasks (${status}).`,
  async run({ status, limit }, { store }) {
    const [{ tasks, nextCursor }, counts] = await Promise.all([
      store.listTasks({ status, limit }),
      store.memoryCounts(),
    ])
    const pending = counts.pendingTasks
    const total = { pending, completed: counts.tasks - pending, all: counts.tasks }[status]
    if (tasks.length === 0) return empty[status]
    const more = nextCursor === null ? '' : `\nThese are the first ${tasks.length} of ${total}.`
    return { output: `${tasks.map(taskLine).join('\n')}${more}`, taints: tasks.some(({ tainted }) => tainted) }
  },
})

const empty = {
  pending: 'Nothing is to be done. tasks_add adds a task.',
  completed: 'No task was completed yet.',
  all: 'There are no tasks. tasks_add adds one.',
} as const

function taskLine({ id, title, description, priority, createdAt, completedAt, tainted }: Task): string {
  const about = description === '' ? '' : ` — ${cutText(description.replace(/\s+/gu, ' '), maxDescriptionChars)}`
  const when = completedAt === null ? `added ${dayOf(createdAt)}` : `completed ${dayOf(completedAt)}`
  return `${id}. [${completedAt === null ? priority : 'completed'}] ${title}${about} (${when})${tainted ? ` ${outsideMark}` : ''}`
}
