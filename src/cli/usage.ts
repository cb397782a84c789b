import { InvalidArgumentError, Option } from 'commander'
import type { ReplyPayload } from '../protocol/messages.ts'
import { maxUsageRows, usageGroupings } from '../protocol/requests/usage.ts'
import { callApi, reach, refusal } from './api.ts'
import { type Context, exitCodes } from './context.ts'
import { findGateway } from './gateway.ts'
import type { AddCommand } from './program.ts'
import { durationOf, table } from './text.ts'

type Report = ReplyPayload<'usage.get'>
type Sum = Report['total']

interface Options {
  from?: string
  to?: string
  by: string
  session?: string
  limit?: number
  json?: true
  csv?: true
}

export const usageCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('usage')
    .description('Show what was spent: runs, tokens, money, tools.')
    .option('--from <day>', 'first day, such as 2026-11-01, in UTC (default: 29 days before the last)')
    .option('--to <day>', 'last day (default: today)')
    .addOption(new Option('--by <what>', 'what to add it up by').choices([...usageGroupings]).default('day'))
    .option('--session <id>', 'show the budgets of this session too')
    .option('--limit <n>', `how many rows, at most ${maxUsageRows.toLocaleString('en')} (default: 1,000)`, readLimit)
    .option('--json', 'print {from, to, by, rows: [...], more, total, budgets: [...]}')
    .addOption(new Option('--csv', 'print the rows as CSV').conflicts('json'))
    .addHelpText('after', about)
    .action(async (options: Options) => exit(await usage(context, options)))
}

const about = `
Days are those of UTC. Cost holds what prices are known of; "unpriced" are calls of which none is (budget.prices).

Examples:
  talon usage                                  the last 30 days
  talon usage --by model --from 2026-11-01     what each model cost since then
  talon usage --by session --limit 10          the ten that took the most tokens
  talon usage --by token --csv > usage.csv     for a spreadsheet`

async function usage(context: Context, options: Options): Promise<number> {
  const { from, to, by, session: sessionId, limit } = options
  const given = Object.entries({ from, to, by, sessionId, limit }).filter(([, value]) => value !== undefined)
  const path = `/usage?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`
  if (options.csv) {
    const gateway = findGateway(context)
    const headers = gateway.token === undefined ? {} : { authorization: `Bearer ${gateway.token}` }
    const answer = await reach(context, gateway, `/api/v1${path}&format=csv`, { headers })
    if (!answer.ok) throw await refusal(answer, gateway)
    context.stdout.write(await answer.text())
    return exitCodes.ok
  }
  // The gateway answers by its own schema; a newer one may add to it.
  const report = (await callApi(context, 'GET', path)) as Report
  if (options.json) context.stdout.write(`${JSON.stringify(report)}\n`)
  else show(context, report)
  return exitCodes.ok
}

function show({ stdout, stderr }: Context, { from, to, by, rows, more, total, budgets }: Report): void {
  if (rows.length === 0) stderr.write(`Nothing was spent from ${from} to ${to}.\n`)
  else {
    const head = [by, 'runs', 'calls', 'input', 'output', 'cost (USD)', 'unpriced', 'tools', 'time']
    stdout.write(table(head, [...rows.map(row => [nameOf(row), ...cells(row)]), ['in all', ...cells(total)]]))
  }
  if (more) stderr.write('There are more rows: narrow the days, or raise --limit.\n')
  if (budgets.length === 0) return
  const lines = budgets.map(({ name, unit, limit, spent, reserved, resetsAt }) => [
    name,
    `${spent.toLocaleString('en', { maximumFractionDigits: 6 })} of ${limit.toLocaleString('en')} ${unit}`,
    `${Math.floor((100 * spent) / limit)} %`,
    reserved.toLocaleString('en', { maximumFractionDigits: 6 }),
    resetsAt === null ? 'never' : `${new Date(resetsAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
  ])
  stdout.write(`\n${table(['budget', 'spent', 'used', 'set aside', 'begins anew'], lines)}`)
}

function nameOf(row: Report['rows'][number]): string {
  if (row.day !== undefined) return row.day
  if (row.sessionId !== undefined) return row.title ? `${row.sessionId} ${row.title}` : (row.sessionId ?? '(none)')
  if (row.tokenId !== undefined) return row.tokenName ?? row.tokenId ?? '(none)'
  return row.model ? `${row.provider}/${row.model}` : '(none)'
}

function cells({ runs, calls, inputTokens, outputTokens, costUsd, unpricedCalls, toolCalls, wallMs }: Sum): string[] {
  const cost =
    costUsd === null ? 'unknown' : costUsd.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 6 })
  return [
    ...[runs, calls, inputTokens, outputTokens].map(count => count.toLocaleString('en')),
    cost,
    ...[unpricedCalls, toolCalls].map(count => count.toLocaleString('en')),
    durationOf(wallMs / 1_000),
  ]
}

function readLimit(text: string): number {
  const limit = Number(text)
  if (!Number.isInteger(limit) || limit < 1 || limit > maxUsageRows) {
    throw new InvalidArgumentError(`It is a whole number from 1 to ${maxUsageRows.toLocaleString('en')}.`)
  }
  return limit
}
