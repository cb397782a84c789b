import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { momentIn } from '../moment.ts'
import { lowerProfile } from '../profiles.ts'
import { originOf, storedLine, storedText } from './memory/keep.ts'
import { defineTool, type ToolContext } from './tool.ts'

const noChat = 'To schedule messages takes a token with the scope "chat": they are sent with its rights.'
const inSubRun =
  'A sub-run schedules nothing: its session is only for this task. Say in your result what should be scheduled, and when.'
const noSession = 'This call is in no conversation: only "new" sessions can be scheduled from here.'
const isCommand = 'Commands that begin with a slash are for people. Say in words what is to be done then.'

export default defineTool({
  name: 'schedule_add',
  description:
    'Schedules a message to the agent: later it gets this text as a message and works on it. Either once (at) or again and again (cron). Say in the text all that has to be known then.',
  group: 'schedule',
  permission: 'write',
  schema: z.strictObject({
    text: storedText(8_000).describe('What the agent is told then.'),
    cron: storedLine(200)
      .optional()
      .describe('Five fields: minute, hour, day of the month, month, day of the week; such as "0 8 * * 1-5".'),
    at: storedLine(100).optional().describe('One moment, such as "2026-11-24T08:00" in the time zone.'),
    timezone: storedLine(100).optional().describe('Such as "Europe/Berlin"; that of the gateway where it is left out.'),
    name: storedLine(100).optional().describe('A short name for people.'),
    session: z
      .enum(['own', 'new'])
      .optional()
      .describe(
        'Whether the message goes into this conversation, or each time into a new one. Own where there is one.',
      ),
  }),
  example: { text: 'Summarize what is new in notes/.', cron: '0 8 * * 1-5', timezone: 'Europe/Berlin', name: 'News' },
  async dryRun(args, context) {
    const { next, timezone } = await context.schedules.foresee(args)
    return `Would schedule ${JSON.stringify(args.text)}. It would come ${timesText(next, timezone)}`
  },
  async run({ session, ...wanted }, context) {
    await refuse(context, wanted.text)
    const sessionId = (session ?? 'own') === 'own' ? (context.sessionId ?? null) : null
    if (session === 'own' && sessionId === null) throw new TalonError('INVALID_MESSAGE', noSession)
    const { schedule } = await context.schedules.add({
      ...wanted,
      sessionId,
      tokenId: context.tokenId ?? '',
      // Nobody is there to look at what it does, and whoever adds it hands on no more than they have.
      profile: lowerProfile('workspace', context.profile),
      tainted: context.tainted,
      request: originOf(context).request,
    })
    const { next } = await context.schedules.foresee(wanted)
    const where = sessionId === null ? 'in a new session each time' : 'in this conversation'
    return `Added as ${schedule.id}: ${JSON.stringify(schedule.name)}, ${where}. It comes ${timesText(next, schedule.timezone)}`
  },
})

async function refuse({ scopesOf, tokenId, store, sessionId }: ToolContext, text: string): Promise<void> {
  if (!(await scopesOf(tokenId)).has('chat')) throw new TalonError('FORBIDDEN', noChat)
  if (sessionId !== undefined && (await store.getDelegation(sessionId))) throw new TalonError('FORBIDDEN', inSubRun)
  if (/^\/[a-z]+(\s|$)/i.test(text)) throw new TalonError('INVALID_MESSAGE', isCommand)
}

function timesText([first = 0, ...others]: readonly number[], timezone: string): string {
  const then = others.length === 0 ? 'once' : `then ${others.map(time => momentIn(time, timezone)).join(', ')}`
  return `${momentIn(first, timezone)} (${timezone}), ${then}.`
}
