import { InvalidArgumentError, Option } from 'commander'
import type { Client } from '../client/index.ts'
import type { EventPayload, RequestPayload } from '../protocol/messages.ts'
import { levels } from '../protocol/requests/logs.ts'
import { textLine } from '../server/log/text.ts'
import { callApi } from './api.ts'
import { openConnection } from './connection.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { lastLinesOfFile } from './logs-file.ts'
import type { AddCommand } from './program.ts'

type Entry = EventPayload<'logs.entry'>
type Filter = Pick<RequestPayload<'logs.subscribe'>, 'level' | 'text'>

interface Options extends Filter {
  follow?: true
  lines: number
  json?: true
}

const maxLines = 2_000

export const logsCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('logs')
    .description('Show the newest lines of the log, and with -f those that come.')
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('-n, --lines <n>', `how many to begin with, 0 to ${maxLines}`, readLines, 100)
    .addOption(new Option('--level <level>', 'leave out lines below this level').choices(levels))
    .option('--text <text>', 'leave out lines without this text, in any case')
    .option('--json', 'print each line as one JSON object')
    .addHelpText('after', help)
    .action(async (options: Options) => exit(await logs(context, options)))
}

const help = `
The gateway keeps its newest ${maxLines.toLocaleString('en')} lines in memory. Where none runs, the end of its log file is shown: of log.file,
or of what "talon start --daemon" writes.

Examples:
  talon logs -f
  talon logs --level warn -n 20
  talon logs -f --text sess_019c6f3a
  talon logs --json | jq -r "select(.err) | .err.message"`

async function logs(context: Context, options: Options): Promise<number> {
  const { level, text, lines, follow } = options
  try {
    // Followed from the number that this page ends with, so that no line is missed or shown twice.
    const page = await newest(context, { level, text }, lines)
    for (const entry of page.entries) show(context, entry, options)
    return follow ? await followOn(context, options, page) : exitCodes.ok
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== exitCodes.notRunning || follow) throw error
    const found = await lastLinesOfFile(context, { level, text }, lines)
    if (!found) throw error
    context.stderr.write(`No gateway runs on ${context.home}. These are the last lines of ${found.file}:\n`)
    for (const entry of found.entries) show(context, entry, options)
    return exitCodes.ok
  }
}

interface Page {
  entries: Entry[]
  after: number
  bootId: string
}

async function newest(context: Context, { level, text }: Filter, lines: number): Promise<Page> {
  const query = new URLSearchParams({ limit: String(Math.max(1, lines)) })
  if (level !== undefined) query.set('level', level)
  if (text !== undefined) query.set('text', text)
  // The gateway answers by its own schema; a newer one may add to it.
  const page = (await callApi(context, 'GET', `/logs?${query}`)) as Page
  return lines === 0 ? { ...page, entries: [] } : page
}

/** Shows lines until Ctrl-C, also over restarts of the gateway. */
async function followOn(context: Context, options: Options, from: Page): Promise<number> {
  const { client } = await openConnection(context)
  const { promise: ended, resolve, reject } = Promise.withResolvers<number>()
  const deafen = context.onStopSignal(() => resolve(exitCodes.ok))
  const log = follower(context, client, options, from)
  const hear = () => {
    const { state } = client
    if (state.status === 'closed') reject(new CommandError(state.message))
    if (state.status !== 'open' || state.reason !== undefined) return
    log.subscribe().catch(error => {
      // Without a connection it is tried again with the next.
      if (client.state.status === 'open') reject(error)
    })
  }
  const stop = client.onState(hear)
  hear()
  try {
    return await ended
  } finally {
    stop()
    deafen()
    client.close()
  }
}

/** Shows what the gateway sends; each `subscribe` goes on where the last one ended. */
function follower(context: Context, client: Client, options: Options, from: Page): { subscribe: () => Promise<void> } {
  const { level, text } = options
  const say = (sentence: string) => context.stderr.write(`${sentence}\n`)
  let { after, bootId } = from
  // Lines that come with the answer, which tells of which start they are; as many as the gateway keeps.
  let early: Entry[] | undefined
  const take = (entry: Entry) => {
    // A request that was sent again, because its connection was lost, begins where it began.
    if (entry.seq <= after) return
    after = entry.seq
    show(context, entry, options)
  }
  client.on('logs.entry', entry => (early ? void early.push(entry) : take(entry)))
  client.on('logs.dropped', ({ count }) => say(`… ${count} lines passed too fast to be shown …`))
  return {
    async subscribe() {
      const filter = { ...(level !== undefined && { level }), ...(text !== undefined && { text }) }
      const own: Entry[] = []
      early = own
      const answer = await client.request('logs.subscribe', { ...filter, after, bootId })
      after = answer.bootId === bootId ? Math.max(after, answer.after) : answer.after
      bootId = answer.bootId
      if (answer.dropped > 0) say(`… ${answer.dropped} lines are not kept any more …`)
      for (const entry of own) take(entry)
      if (early === own) early = undefined
    },
  }
}

function show({ stdout, env }: Context, entry: Entry, { json }: Options): void {
  const colours = stdout.isTTY === true && !env['NO_COLOR']
  stdout.write(json ? `${JSON.stringify(entry)}\n` : `${textLine({ ...entry }, { colours })}\n`)
}

function readLines(text: string): number {
  const lines = Number(text)
  if (text.trim() === '' || !Number.isInteger(lines) || lines < 0 || lines > maxLines) {
    throw new InvalidArgumentError(`It is a whole number from 0 to ${maxLines}.`)
  }
  return lines
}
