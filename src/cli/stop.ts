import { type Command, InvalidArgumentError } from 'commander'
import { CommandError, type Context, exitCodes } from './context.ts'
import type { RunFile } from './gateway.ts'
import { type Ended, type EndOptions, end } from './process/ending.ts'
import { holdingOf, runningGateway } from './process/holding.ts'
import { askSystemctl, type Unit, unitOf } from './process/systemd.ts'
import type { AddCommand } from './program.ts'

export const stopCommand: AddCommand = (parent, context, exit) => {
  addEndFlags(
    parent.command('stop').description('Stop the gateway: let runs end, close everything, free the data folder.'),
  )
    .option('--json', 'print {stopped, pid, forced, tookMs}')
    .addHelpText('after', help)
    .action(async options => exit(await stop(context, endOptions(options), options.json === true)))
}

const help = `
Examples:
  talon stop
  talon stop --force --timeout 30

Runs get up to 10 s to end; what does not is taken up or marked by the next start. Exit code 0 also if none runs, as
with systemctl. A gateway that systemd runs as talon.service is stopped by systemd.`

/** Lets a command take `--force` and `--timeout`. */
export function addEndFlags(command: Command): Command {
  return command
    .option('--force', 'kill it if it has not ended in time; what was acknowledged is on disk')
    .option('--timeout <seconds>', 'time that it gets to end', seconds, 15)
}

/** What `addEndFlags` took. */
export function endOptions({ force, timeout }: { force?: boolean; timeout?: number }): EndOptions {
  return { force: force === true, timeoutMs: (timeout ?? 15) * 1_000 }
}

async function stop(context: Context, options: EndOptions, json: boolean): Promise<number> {
  const run = await runningGateway(context)
  if (!run) {
    if (json) context.stdout.write(`${JSON.stringify({ stopped: false, pid: null, forced: false, tookMs: 0 })}\n`)
    else context.stderr.write(`No gateway runs on ${context.home}.\n`)
    return exitCodes.ok
  }
  const { forced, tookMs } = await endGateway(context, run, options)
  if (json) context.stdout.write(`${JSON.stringify({ stopped: true, pid: run.pid, forced, tookMs })}\n`)
  const next = await holdingOf(context)
  if (next.by === 'nobody') return exitCodes.ok
  context.stderr.write('Another process has the data folder now. Does something restart it? See: talon status\n')
  return exitCodes.failed
}

/**
 * Ends a gateway by whoever runs it, and says so.
 * @throws CommandError if it does not end
 */
export async function endGateway(context: Context, run: RunFile, options: EndOptions): Promise<Ended> {
  const unit = unitOf(run.pid)
  if (unit) {
    const startedAt = context.clock.monotonic()
    bySystemd(context, unit, 'stop')
    return { forced: false, tookMs: Math.round(context.clock.monotonic() - startedAt) }
  }
  context.stderr.write(`Stopping process ${run.pid}; runs get up to 10 s to end.\n`)
  const ended = await end(context, run, options)
  const after = `after ${(ended.tookMs / 1_000).toFixed(1)} s`
  context.stderr.write(
    ended.forced
      ? `Killed ${after}. What was acknowledged is on disk; the next start marks runs that worked as interrupted.\n`
      : `Stopped ${after}.\n`,
  )
  return ended
}

/** Lets systemd do it: behind its back it would start the gateway again, or a second one beside it. */
export function bySystemd({ env, stderr }: Context, { name, scope, systemctl }: Unit, verb: 'stop' | 'restart'): void {
  const command = `${systemctl} ${verb} ${name}`
  stderr.write(`systemd runs it: ${command}\n`)
  const { exitCode, err } = askSystemctl(scope, [verb, name], env)
  if (exitCode !== 0) throw new CommandError(`That failed: ${err || `exit code ${exitCode}`}`)
}

const maxSeconds = 3_600

function seconds(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value <= maxSeconds) return value
  throw new InvalidArgumentError(`It is a number of seconds, from 0 to ${maxSeconds}.`)
}
