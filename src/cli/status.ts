import type { ReplyPayload } from '../protocol/messages.ts'
import { openConnection } from './connection.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import type { Gateway } from './gateway.ts'
import type { AddCommand } from './program.ts'
import { durationOf } from './text.ts'

export const statusCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('status')
    .description('Say how the gateway is, or that none runs (exit code 3).')
    .option('--json', 'print one JSON object; {"running": false, ...} if none runs')
    .addHelpText('after', '\nExamples:\n  talon status\n  talon status --json | jq .stats.sessions')
    .action(async options => exit(await status(context, options)))
}

async function status(context: Context, options: { json?: true }): Promise<number> {
  try {
    const { client, gateway } = await openConnection(context)
    const answer = await client.request('gateway.status', {}).finally(() => client.close())
    context.stdout.write(
      options.json ? json({ running: true, url: gateway.url, ...answer }) : sentences(answer, gateway),
    )
    return exitCodes.ok
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== exitCodes.notRunning || !options.json) throw error
    context.stdout.write(json({ running: false, home: context.home }))
    return exitCodes.notRunning
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

function sentences(answer: ReplyPayload<'gateway.status'>, gateway: Gateway): string {
  const process = gateway.run ? `, process ${gateway.run.pid}` : ''
  const components = Object.entries(answer.components).map(([name, state]) => `${name} ${state}`)
  const { sessions, activeSessions, totalMessages, wsClients } = answer.stats
  return [
    `Talon ${answer.version} runs at ${gateway.url} (up ${durationOf(answer.uptime)}${process}): ${answer.status}`,
    `  ${components.join(', ')}`,
    `  ${sessions} sessions (${activeSessions} active), ${totalMessages} messages, ${wsClients} connections`,
    '',
  ].join('\n')
}
