import { InvalidArgumentError } from 'commander'
import type { ReplyPayload } from '../protocol/messages.ts'
import type { SearchHit } from '../protocol/shapes.ts'
import { callApi } from './api.ts'
import { type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { oneLine, printable, timeOf } from './text.ts'

interface Options {
  session?: string
  limit?: number
  json?: true
}

const maxHits = 100
const maxTitleLength = 60
const bold = ['\u001b[1m', '\u001b[22m'] as const

export const searchCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('search')
    .description('Find what was said, in messages, titles and the output of tools.')
    .argument('<words...>', 'words, "phrases", prefix*, one OR another, and filters')
    .option('--session <id>', 'look in this session only')
    .option('--limit <n>', `how many to show, at most ${maxHits} (default: 20)`, readLimit)
    .option('--json', 'print {hits: [...], unindexed}')
    .addHelpText('after', about)
    .action(async (words: string[], options: Options) => exit(await search(context, queryOf(words), options)))
}

const about = `
Every word has to be there; case and accents do not count. Best first, newer above older.
  "red fox"               these words in a row; quote once more for the shell, as below
  mess*                   words that begin so
  plan -draft             without a word (give the query as one argument, or put -- before it)
  cat OR dog              one of the two
  role:user               role:user, role:assistant, role:tool or role:system
  channel:web             in a channel; session:<id> in a session
  after:2026-01-31        at this day or later, in UTC; before:2026-02 earlier than that

Examples:
  talon search invoice
  talon search '"red fox" role:user after:2026-01'
  talon search --json invoice | jq -r ".hits[].snippet"`

async function search(context: Context, query: string, { session, limit, json }: Options): Promise<number> {
  const asked = new URLSearchParams({ q: query })
  if (session !== undefined) asked.set('sessionId', session)
  if (limit !== undefined) asked.set('limit', String(limit))
  // The gateway answers by its own schema; a newer one may add to it.
  const answer = (await callApi(context, 'GET', `/search?${asked}`)) as ReplyPayload<'session.search'>
  if (json) context.stdout.write(`${JSON.stringify(answer)}\n`)
  else show(context, answer)
  return exitCodes.ok
}

function show({ stdout, stderr, env }: Context, { hits, unindexed }: ReplyPayload<'session.search'>): void {
  const mark = stdout.isTTY === true && !env['NO_COLOR'] ? bold : (['', ''] as const)
  stdout.write(hits.map(hit => `${placeOf(hit)}\n  ${snippetOf(hit, mark)}\n`).join('\n'))
  if (hits.length === 0) stderr.write('Nothing was found.\n')
  if (unindexed > 0) {
    stderr.write(
      `About ${unindexed.toLocaleString('en')} messages are not searched yet, after an import: try again soon.\n`,
    )
  }
}

function placeOf({ sessionId, timestamp, role, channel, title, seq }: SearchHit): string {
  const where = title === null ? '' : `, ${oneLine(title, maxTitleLength)}`
  const entry = seq === null ? '' : ` #${seq}`
  return `${timeOf(timestamp)}  ${role} in ${oneLine(channel, maxTitleLength)}${where}  ${oneLine(sessionId, 128)}${entry}`
}

/** Cut at its marks first: taking out what could command the terminal moves what follows. */
function snippetOf({ snippet, marks }: SearchHit, [on, off]: readonly [string, string]): string {
  let shown = ''
  let at = 0
  for (const [start, end] of marks) {
    shown += `${printable(snippet.slice(at, start))}${on}${printable(snippet.slice(start, end))}${off}`
    at = end
  }
  return shown + printable(snippet.slice(at))
}

/** One argument is a query as it is; of several, one with spaces was quoted for the shell and is a phrase. */
function queryOf(words: readonly string[]): string {
  if (words.length === 1) return words.join('')
  return words.map(word => (/\s/.test(word) && !word.includes('"') ? quoted(word) : word)).join(' ')
}

function quoted(word: string): string {
  const [, before = '', phrase = word] = /^(-?(?:[A-Za-z]+:)?)(.*)$/s.exec(word) ?? []
  return `${before}"${phrase}"`
}

function readLimit(text: string): number {
  const limit = Number(text)
  if (!Number.isInteger(limit) || limit < 1 || limit > maxHits) {
    throw new InvalidArgumentError(`It is a whole number from 1 to ${maxHits}.`)
  }
  return limit
}
