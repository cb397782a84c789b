import * as z from 'zod'
import { momentIn } from '../moment.ts'
import type { Schedule } from '../record.ts'
import { cutText, outsideMark } from './memory/keep.ts'
import { defineTool } from './tool.ts'

const maxTextChars = 200

export default defineTool({
  name: 'schedule_list',
  description:
    'Lists what is scheduled: when it comes next, how its last run ended, and which times were missed. Each begins with its id.',
  group: 'schedule',
  permission: 'safe',
  schema: z.strictObject({}),
  example: {},
  dryRun: async () => 'Would list what is scheduled.',
  async run(_args, { schedules, scopesOf, tokenId }) {
    const all = await schedules.list()
    // Whoever may not read what others say sees their own.
    const mayRead = (await scopesOf(tokenId)).has('read')
    const shown = mayRead ? all : all.filter(schedule => schedule.tokenId === tokenId)
    if (shown.length === 0) return 'Nothing is scheduled. schedule_add schedules something.'
    return { output: shown.map(linesOf).join('\n'), taints: shown.some(({ tainted }) => tainted) }
  },
})

function linesOf(schedule: Schedule): string {
  const { id, name, text, timezone, sessionId, tainted } = schedule
  const where = sessionId === null ? 'a new session each time' : `session ${sessionId}`
  const lines = [
    `${id} ${JSON.stringify(name)}${tainted ? ` ${outsideMark}` : ''}: ${whenOf(schedule)}; ${where}`,
    cutText(text.replace(/\s+/gu, ' '), maxTextChars),
    ...lastOf(schedule),
    ...missedOf(schedule, timezone),
  ]
  return lines.join('\n  ')
}

function whenOf({ cron, timezone, nextAt, paused }: Schedule): string {
  const rule = cron === null ? 'once' : `${cron} (${timezone})`
  if (paused !== null) return `${rule}, paused: ${paused}`
  return nextAt === null ? `${rule}, over` : `${rule}, next ${momentIn(nextAt, timezone)}`
}

function lastOf({ lastRun, timezone }: Schedule): string[] {
  if (!lastRun) return []
  const { startedAt, state, error } = lastRun
  return [`last run ${momentIn(startedAt, timezone)}: ${state ?? 'erased'}${error === null ? '' : ` (${error})`}`]
}

function missedOf({ missed, missedAt }: Schedule, timezone: string): string[] {
  if (missed === 0) return []
  const times = missedAt.map(time => momentIn(time, timezone)).join(', ')
  return [
    `missed ${missed === 1 ? 'one time' : `${missed} times`}${missed > missedAt.length ? ', the newest' : ''}: ${times}`,
  ]
}
