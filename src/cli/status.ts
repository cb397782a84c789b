import * as z from 'zod'
import type { ReplyPayload } from '../protocol/messages.ts'
import { callApi, reach } from './api.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { addressOf, findGateway, type Gateway, notRunning, type RunFile } from './gateway.ts'
import { type PoolFigures, poolLines } from './pools.ts'
import { type Holding, holdingOf, inWords } from './process/holding.ts'
import type { AddCommand } from './program.ts'
import { durationOf } from './text.ts'

/** What is known of a gateway that runs. */
interface Look {
  url: string | undefined
  run: RunFile | undefined
  /** Why it takes no work now; empty if it does. */
  reasons: string[]
  /** What it says of itself; undefined if it does not answer. */
  answer: ReplyPayload<'gateway.status'> | undefined
  pools?: PoolFigures
}

const readinessSchema = z.object({ reasons: z.array(z.string()) })

export const statusCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('status')
    .description('Say how the gateway is (exit code 1 if it is not ready), or that none runs (3).')
    .option('--json', 'print one JSON object; {"running": false, ...} if none runs')
    .option('--verbose', 'also what the writer, the readers, the caches and the sockets to providers do')
    .addHelpText('after', help)
    .action(async options => exit(await status(context, options)))
}

const help = `
Examples:
  talon status
  talon status --verbose
  talon status --json | jq .stats.sessions
  until talon status > /dev/null; do sleep 1; done

The object has running, ready, reasons, url, pid, port, version, bootId, startedAt, uptime, and what the gateway says of
itself: status, components, stats with sessions and wsClients.`

async function status(context: Context, options: { json?: true; verbose?: true }): Promise<number> {
  const holding = context.env.TALON_URL ? undefined : await holdingOf(context)
  if (holding?.by === 'nobody' || holding?.by === 'command') return sayNone(context, holding, options.json === true)
  const look = holding ? await lookHere(context, holding) : await lookAt(context, findGateway(context))
  // The gateway that has just answered made this.
  if (options.verbose && look.answer) look.pools = (await callApi(context, 'GET', '/pools')) as PoolFigures
  context.stdout.write(options.json ? json(fieldsOf(look, context)) : `${sentences(look, context).join('\n')}\n`)
  return look.reasons.length === 0 ? exitCodes.ok : exitCodes.failed
}

function sayNone(context: Context, holding: Extract<Holding, { by: 'nobody' | 'command' }>, asJson: boolean): number {
  const { home } = context
  const command = holding.by === 'command' ? { name: holding.run.bootId, pid: holding.run.pid } : undefined
  if (asJson) context.stdout.write(json({ running: false, home, ...(command && { command }) }))
  else if (holding.by === 'command') throw new CommandError(inWords(holding, home), exitCodes.notRunning)
  else throw notRunning(home)
  return exitCodes.notRunning
}

/** A gateway that holds the data folder runs, whether it answers or not. */
async function lookHere(context: Context, holding: Extract<Holding, { by: 'gateway' | 'stranger' }>): Promise<Look> {
  const run = holding.by === 'gateway' ? holding.run : undefined
  const silent = (reason: string): Look => ({ url: undefined, run, reasons: [reason], answer: undefined })
  if (holding.by === 'stranger') return silent(inWords(holding, context.home))
  try {
    return await lookAt(context, findGateway(context))
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return silent(
      error.exitCode === exitCodes.notRunning ? 'It is starting or ending: its port is closed.' : error.message,
    )
  }
}

async function lookAt(context: Context, gateway: Gateway): Promise<Look> {
  const { url, run } = gateway
  const readiness = readinessSchema.safeParse(await (await reach(context, gateway, '/readyz')).json().catch(() => null))
  if (!readiness.success) throw new CommandError(`${url} answers, but not as a Talon gateway does.`)
  const { reasons } = readiness.data
  try {
    // The shape that the protocol gives to it.
    const answer = (await callApi(context, 'GET', '/status')) as ReplyPayload<'gateway.status'>
    return { url, run, reasons, answer }
  } catch (error) {
    // One that is not ready need not be able to say more than why.
    if (reasons.length === 0) throw error
    return { url, run, reasons, answer: undefined }
  }
}

function fieldsOf({ url, run, reasons, answer, pools }: Look, { clock }: Context): Record<string, unknown> {
  const since = run && { version: run.version, uptime: uptimeOf(run, clock.now()) }
  const { pid, port, bootId, startedAt } = run ?? {}
  const found = { running: true, ready: reasons.length === 0, reasons, url, pid, port, bootId, startedAt }
  return { ...found, ...since, ...answer, ...(pools && { pools }) }
}

function sentences({ url, run, reasons, answer, pools }: Look, { clock }: Context): string[] {
  const state = reasons.length > 0 ? 'not ready' : (answer?.status ?? 'ready')
  const uptime = answer?.uptime ?? (run && uptimeOf(run, clock.now()))
  const more = [uptime !== undefined && `up ${durationOf(uptime)}`, run && `process ${run.pid}`].filter(Boolean)
  const where = url ?? (run && run.port !== 0 ? addressOf(run) : undefined)
  const version = answer?.version ?? run?.version
  const head = `Talon ${version ?? ''} runs${where ? ` at ${where}` : ''}`.replace('  ', ' ')
  return [
    `${head}${more.length > 0 ? ` (${more.join(', ')})` : ''}: ${state}`,
    ...reasons.map(reason => `  ${reason}`),
    ...(answer ? figures(answer) : []),
    ...(pools ? poolLines(pools) : []),
  ]
}

function figures({ components, stats }: ReplyPayload<'gateway.status'>): string[] {
  const { sessions, activeSessions, totalMessages, wsClients } = stats
  return [
    `  ${Object.entries(components)
      .map(([name, state]) => `${name} ${state}`)
      .join(', ')}`,
    `  ${sessions} sessions (${activeSessions} active), ${totalMessages} messages, ${wsClients} connections`,
  ]
}

/** Seconds since a gateway began. */
function uptimeOf(run: RunFile, now: number): number {
  return Math.max(0, Math.floor((now - run.startedAt) / 1_000))
}

function json(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}
