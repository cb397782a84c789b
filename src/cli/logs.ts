import { InvalidArgumentError, Option } from 'commander'
import { levels } from '../protocol/requests/logs.ts'
import { jsonLine, textLine } from '../server/log/text.ts'
import { callApi } from './api.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { lastLinesOfFile } from './logs-file.ts'
import { type Entry, type Filter, followLogs } from './logs-follow.ts'
import type { AddCommand } from './program.ts'

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
    if (!follow) return exitCodes.ok
    return await followLogs(context, {
      filter: { level, text },
      from: page,
      show: entry => show(context, entry, options),
    })
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== exitCodes.notRunning || follow) throw error
    const found = await lastLinesOfFile(context, { level, text }, lines)
    if (!found) throw error
    context.stderr.write(`No gateway runs on ${context.home}. These are the last lines of ${found.file}:\n`)
    for (const entry of found.entries) show(context, entry, options)
    if (found.entries.length === 0 && lines > 0)
      context.stderr.write('None of them is a line of the log that you ask for.\n')
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

function show({ stdout, env }: Context, entry: Entry, { json }: Options): void {
  const colours = stdout.isTTY === true && !env['NO_COLOR']
  stdout.write(`${json ? jsonLine({ ...entry }) : textLine({ ...entry }, { colours })}\n`)
}

function readLines(text: string): number {
  const lines = Number(text)
  if (text.trim() === '' || !Number.isInteger(lines) || lines < 0 || lines > maxLines) {
    throw new InvalidArgumentError(`It is a whole number from 0 to ${maxLines}.`)
  }
  return lines
}
