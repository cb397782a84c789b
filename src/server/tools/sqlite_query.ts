import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { openSpot } from './spot.ts'
import { copyDatabase } from './sqlite/copy.ts'
import { sqliteProgram } from './sqlite/program.ts'
import { asJson, asTable, type Rows, saidSchema } from './sqlite/rows.ts'
import { defineTool, type ToolContext } from './tool.ts'
import { entryOf, refuseUnlessFile } from './workspace.ts'

const maxRows = 1_000
const maxQueryLength = 20_000
const maxCellChars = 2_000
const maxAnswerBytes = 1_048_576
const timeLimitMs = 10_000
/** Result codes of SQLite. */
const codes = { corrupt: 11, auth: 23, notADatabase: 26 }

const schema = z.strictObject({
  path: z.string().max(4_096).describe('A database file of SQLite in the workspace.'),
  query: z
    .string()
    .min(1)
    .max(maxQueryLength)
    .describe('One statement that reads: SELECT, WITH, EXPLAIN, or a PRAGMA.'),
  maxRows: z.number().int().min(1).max(maxRows).default(200).describe('Rows in the answer, at most.'),
  format: z.enum(['table', 'json']).default('table').describe('A table in Markdown, or JSON.'),
})

type Args = z.output<typeof schema>

export default defineTool({
  name: 'sqlite_query',
  description: 'Reads from a SQLite database of the workspace with SQL. It changes nothing.',
  group: 'data',
  permission: 'safe',
  taints: true,
  schema,
  example: { path: 'data/shop.db', query: 'SELECT name, price FROM products ORDER BY price LIMIT 10' },
  dryRun: async ({ path, query }, context) => {
    await using spot = await openSpot(path, context, 'read')
    const stats = await entryOf(spot.parent, spot.name)
    if (stats) refuseUnlessFile(stats, spot.shown)
    return `Would ask ${spot.shown}: ${query}`
  },
  run: async (args, context) => {
    // A copy: SQLite opens files by their paths, and a path may be swapped for a link on the way.
    const folder = join(context.scratch, context.invocationId)
    try {
      await using spot = await openSpot(args.path, context, 'read')
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const file = await copyDatabase(spot, folder, context.signal)
      return answerOf(await ask(file, folder, args, context), args, spot.shown)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
})

/** What the child prints. */
async function ask(file: string, folder: string, args: Args, context: ToolContext): Promise<string> {
  const { sandbox, workspace, signal, invocationId: id } = context
  const maxBytes = Math.min(context.maxOutputBytes, maxAnswerBytes)
  const result = await sandbox.run({
    argv: [process.execPath, '--input-type=module', '--disable-warning=ExperimentalWarning', '-e', sqliteProgram, file],
    cwd: workspace,
    readable: [folder],
    readOnly: true,
    stdin: JSON.stringify({ query: args.query, maxRows: args.maxRows, maxBytes, maxCellChars }),
    signal,
    id,
    // Beside the rows there are only the names of columns.
    maxOutputBytes: maxAnswerBytes * 3,
    timeLimitMs,
  })
  if (result.stopped?.by === 'time') {
    throw new TalonError('TIMEOUT', `The query did not end within ${timeLimitMs} ms and was stopped. Ask for less.`)
  }
  if (result.stopped) throw new TalonError('TOO_LARGE', `The query was stopped. ${result.stopped.reason}`)
  if (result.stdout !== '') return result.stdout
  const why = result.stderr.trim().split('\n').at(-1)
  throw new TalonError(
    'TOOL_FAILED',
    `The query ended without an answer${why ? `: ${why}` : '; it may need too much memory.'}`,
  )
}

function answerOf(stdout: string, { format, maxRows: wanted }: Args, shown: string): string {
  const said = saidSchema.parse(JSON.parse(stdout))
  if ('problem' in said) throw new TalonError('INVALID_MESSAGE', problemOf(said, shown))
  const text = format === 'json' ? asJson(said) : asTable(said)
  return [text, ...noteOf(said, wanted)].join('\n')
}

function problemOf({ problem, code }: { problem: string; code?: number | undefined }, shown: string): string {
  const kind = code === undefined ? undefined : code & 0xff
  const name = JSON.stringify(shown)
  if (kind === codes.notADatabase) return `${name} is no SQLite database, is encrypted, or is damaged: ${problem}.`
  if (kind === codes.corrupt) return `${name} is damaged: ${problem}.`
  if (kind === codes.auth)
    return `${problem}. Only statements that read are allowed: SELECT, WITH, EXPLAIN and PRAGMAs that say something.`
  return problem
}

function noteOf({ rows, more }: Rows, wanted: number): string[] {
  if (more === 'rows') return [`[only the first ${wanted} rows; there are more]`]
  if (more === 'bytes') return [`[only the first ${rows.length} rows, because more would be too long; there are more]`]
  return rows.length === 0 ? ['[no rows]'] : []
}
