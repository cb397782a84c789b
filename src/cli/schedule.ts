import { type Command, InvalidArgumentError } from 'commander'
import type { ReplyPayload } from '../protocol/messages.ts'
import { callApi } from './api.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { oneLine, table, timeOf } from './text.ts'

type Exit = (code: number) => void
type Schedule = ReplyPayload<'schedule.get'>['schedule']
type Run = ReplyPayload<'schedule.get'>['runs'][number]

interface AddOptions {
  cron?: string
  at?: string
  timezone?: string
  name?: string
  session?: string
  json?: true
}

const aboutId = '\nAn id may be shortened to its end or its beginning, if only one has it; a name does as well.'

export const scheduleCommand: AddCommand = (parent, context, exit) => {
  const command = parent
    .command('schedule')
    .description('Let the agent get messages by the clock: see, add, pause, run and remove them.')
    .addHelpText(
      'after',
      '\nExamples:\n  talon schedule add "Summarize what is new in notes/." --cron "0 8 * * 1-5" --timezone Europe/Berlin\n  talon schedule add "Remind me of the dentist." --at 2026-11-24T09:30\n  talon schedule list',
    )
  command
    .command('list', { isDefault: true })
    .description('Show what is scheduled: when it comes next, how its last run ended, what was missed.')
    .option('--json', 'print {schedules: [...]}')
    .addHelpText('after', '\nExamples:\n  talon schedule\n  talon schedule list --json | jq -r ".schedules[].name"')
    .action(async options => exit(await list(context, options)))
  addAdd(command, context, exit)
  addChanges(command, context, exit)
  command
    .command('runs <id>')
    .description('Show the newest runs of one, newest first.')
    .option('--json', 'print {schedule, runs: [...]}')
    .addHelpText('after', `${aboutId}\n\nExamples:\n  talon schedule runs News`)
    .action(async (id, options) => exit(await runs(context, id, options)))
}

function addAdd(command: Command, context: Context, exit: Exit): void {
  command
    .command('add <text>')
    .description('Schedule a message to the agent: again and again (--cron), or once (--at).')
    .option('--cron <fields>', 'minute, hour, day of the month, month, day of the week')
    .option('--at <time>', 'one moment, such as 2026-11-24T09:30 in the time zone')
    .option('--timezone <zone>', 'such as Europe/Berlin (default: that of the gateway)')
    .option('--name <name>', 'a short name (default: the beginning of the text)', readName)
    .option('--session <id>', 'where the message goes (default: a new session each time)')
    .option('--json', 'print {schedule}')
    .addHelpText(
      'after',
      '\nExamples:\n  talon schedule add "Summarize what is new in notes/." --cron "0 8 * * 1-5" --name News\n  talon schedule add "Is the backup there?" --cron "*/30 * * * *" --session sess_019c6f3a',
    )
    .action(async (text: string, options: AddOptions) => exit(await add(context, text, options)))
}

function addChanges(command: Command, context: Context, exit: Exit): void {
  const change = (name: string, description: string, json: string, act: typeof remove) => {
    command
      .command(`${name} <id>`)
      .description(description)
      .option('--json', `print ${json}`)
      .addHelpText('after', `${aboutId}\n\nExamples:\n  talon schedule ${name} News`)
      .action(async (id: string, options: { json?: true }) => exit(await act(context, id, options)))
  }
  change('remove', 'Remove one, so that it comes no more.', '{scheduleId}', remove)
  change('pause', 'Pause one, until it is resumed.', '{schedule}', (...input) => pause(true, ...input))
  change('resume', 'Let a paused one go on. What came meanwhile is not made up for.', '{schedule}', (...input) =>
    pause(false, ...input),
  )
  change('run', 'Send its message now, beside its times.', '{scheduleId, sessionId, runId}', run)
}

async function read(context: Context): Promise<Schedule[]> {
  // The gateway answers by its own schema; a newer one may add to it.
  return ((await callApi(context, 'GET', '/schedules')) as ReplyPayload<'schedule.list'>).schedules
}

async function list(context: Context, { json }: { json?: true }): Promise<number> {
  const schedules = await read(context)
  if (json) context.stdout.write(`${JSON.stringify({ schedules })}\n`)
  else if (schedules.length === 0) context.stderr.write('Nothing is scheduled. talon schedule add --help shows how.\n')
  else {
    context.stdout.write(table(['NAME', 'TIMES', 'NEXT', 'LAST RUN', 'MISSED', 'ID'], schedules.map(cellsOf)))
    for (const { name, paused } of schedules) {
      if (paused !== null) context.stdout.write(`${oneLine(name, 100)} is paused: ${oneLine(paused, 300)}\n`)
    }
  }
  return exitCodes.ok
}

function cellsOf({ name, cron, timezone, nextAt, paused, lastRun, missed, missedAt, id }: Schedule): string[] {
  const next = paused !== null ? 'paused' : nextAt === null ? 'over' : timeOf(nextAt)
  const newest = missedAt.at(-1)
  return [
    name,
    cron === null ? 'once' : `${cron} ${timezone}`,
    next,
    lastRun ? `${timeOf(lastRun.startedAt)} ${lastRun.state ?? 'erased'}` : '',
    missed === 0 || newest === undefined ? '' : `${missed}, last ${timeOf(newest)}`,
    id,
  ]
}

async function add(context: Context, text: string, options: AddOptions): Promise<number> {
  const { json, session: sessionId, ...wanted } = options
  const body = { text, ...wanted, ...(sessionId !== undefined && { sessionId }) }
  const answer = (await callApi(context, 'POST', '/schedules', body)) as ReplyPayload<'schedule.add'>
  const { schedule } = answer
  if (json) context.stdout.write(`${JSON.stringify(answer)}\n`)
  else {
    const next = schedule.nextAt === null ? '' : ` It comes at ${timeOf(schedule.nextAt)}.`
    context.stdout.write(`${schedule.id}\n`)
    context.stderr.write(`It is scheduled as ${oneLine(schedule.name, 100)}.${next}\n`)
  }
  return exitCodes.ok
}

async function remove(context: Context, id: string, { json }: { json?: true }): Promise<number> {
  const scheduleId = await whole(context, id)
  await callApi(context, 'DELETE', pathOf(scheduleId))
  if (json) context.stdout.write(`${JSON.stringify({ scheduleId })}\n`)
  else context.stderr.write('It is removed.\n')
  return exitCodes.ok
}

async function pause(paused: boolean, context: Context, id: string, { json }: { json?: true }): Promise<number> {
  const answer = await callApi(context, 'POST', `${pathOf(await whole(context, id))}/pause`, { paused })
  if (json) context.stdout.write(`${JSON.stringify(answer)}\n`)
  else context.stderr.write(paused ? 'It is paused.\n' : 'It goes on.\n')
  return exitCodes.ok
}

async function run(context: Context, id: string, { json }: { json?: true }): Promise<number> {
  const answer = await callApi(context, 'POST', `${pathOf(await whole(context, id))}/run`)
  const { sessionId } = answer as ReplyPayload<'schedule.run'>
  if (json) context.stdout.write(`${JSON.stringify(answer)}\n`)
  else context.stderr.write(`It runs in session ${sessionId}.\n`)
  return exitCodes.ok
}

async function runs(context: Context, id: string, { json }: { json?: true }): Promise<number> {
  const found = (await callApi(context, 'GET', pathOf(await whole(context, id)))) as ReplyPayload<'schedule.get'>
  if (json) context.stdout.write(`${JSON.stringify(found)}\n`)
  else if (found.runs.length === 0) context.stderr.write('It did not run yet.\n')
  else context.stdout.write(table(['DUE', 'STARTED', 'WHY', 'HOW IT ENDED', 'SESSION'], found.runs.map(runCells)))
  return exitCodes.ok
}

function runCells({ dueAt, startedAt, cause, state, error, sessionId }: Run): string[] {
  const ended = error === null ? (state ?? 'erased') : `${state}: ${error}`
  return [timeOf(dueAt), timeOf(startedAt), cause, ended, sessionId]
}

/** The one that is called so, or whose id begins or ends so. */
async function whole(context: Context, part: string): Promise<string> {
  const schedules = await read(context)
  const exact = schedules.filter(({ id, name }) => id === part || name === part)
  const found = exact.length > 0 ? exact : schedules.filter(({ id }) => id.startsWith(part) || id.endsWith(part))
  const [only] = found
  if (only && found.length === 1) return only.id
  const why = found.length === 0 ? 'Nothing scheduled has' : 'More than one that is scheduled has'
  throw new CommandError(`${why} the name or id ${JSON.stringify(part)}. talon schedule list shows what there is.`)
}

function pathOf(id: string): string {
  return `/schedules/${encodeURIComponent(id)}`
}

function readName(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('A name has at least one character.')
  return text
}
