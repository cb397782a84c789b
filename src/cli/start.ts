import { closeSync, openSync } from 'node:fs'
import { Option } from 'commander'
import { CommandError, type Context, exitCodes } from './context.ts'
import { addressOf } from './gateway.ts'
import { startDaemon, tellStarter } from './process/daemon.ts'
import { end } from './process/ending.ts'
import { giveBackSoon } from './process/give-back.ts'
import { runningGateway } from './process/holding.ts'
import { keepBounded, logFileOf } from './process/log-file.ts'
import type { AddCommand } from './program.ts'
import { addSettingFlags, type SettingFlags, settingFlags } from './settings-flags.ts'

interface Options {
  flags: SettingFlags
  setAside: boolean
  /** Whether the command that started this process waits for a word from it. */
  announce: boolean
}

export const startCommand: AddCommand = (parent, context, exit) => {
  const command = parent.command('start').description('Run the gateway until it is stopped (Ctrl-C or SIGTERM).')
  addSettingFlags(command)
    .option('--set-aside', 'move a damaged database aside and begin with an empty one; one that is well stays')
    .option('--daemon', 'run it in the background: return when it is ready, or when it has failed')
    // What --daemon gives to the process that it starts.
    .addOption(new Option('--announce').hideHelp())
    .addHelpText('after', help)
    .action(async ({ daemon, setAside = false, announce = false, ...rest }) => {
      const options = { flags: settingFlags(rest), setAside: setAside === true, announce: announce === true }
      exit(await (daemon ? startInBackground(context, options) : start(context, options)))
    })
}

// A drain takes 10 s, and what follows it a moment.
const drainTimeoutMs = 15_000

const help = `
Examples:
  talon start
  talon start --port 8080
  talon start --daemon
  talon start --home /srv/talon --set agent.model=offline --set log.level=debug

A database that is damaged or cannot be written is refused with exit code 74 and a sentence that says how to go on.
The first Ctrl-C or SIGTERM lets runs end (10 s at most) and exits with 0; a second one exits at once with 1.
With --daemon the log is <home>/logs/talon.log, and the exit code is that of the start: 0 once it is ready. "talon stop"
ends it. "talon service install" lets systemd run it, also after a restart of the machine.
"talon config" shows every setting.`

async function startInBackground(context: Context, { flags, setAside }: Options): Promise<number> {
  const run = await runningGateway(context)
  // One that ends already is gone in a moment, and would leave nobody behind.
  if (run?.stopping) await end(context, run, { force: false, timeoutMs: drainTimeoutMs })
  if (!run || run.stopping) return startDaemon(context, { flags, setAside })
  const words = `Talon ${run.version} runs already at ${addressOf(run)} (process ${run.pid}).`
  // What was asked for is so, but for flags that it was not started with.
  if (Object.keys(flags).length === 0 && !setAside) {
    context.stderr.write(`${words}\n`)
    return exitCodes.ok
  }
  throw new CommandError(`${words} To start it anew with these flags: talon restart`)
}

/** Runs the gateway; resolves with the exit code after it has stopped. */
async function start(context: Context, options: Options): Promise<number> {
  const asked = Promise.withResolvers<'asked'>()
  const insisted = Promise.withResolvers<'insisted'>()
  let signals = 0
  const deafen = context.onStopSignal(() => (++signals === 1 ? asked.resolve('asked') : insisted.resolve('insisted')))
  try {
    return await Promise.race([serve(context, options, asked), insisted.promise.then(() => exitCodes.failed)])
  } finally {
    deafen()
  }
}

async function serve(
  context: Context,
  { flags, setAside, announce }: Options,
  asked: PromiseWithResolvers<'asked'>,
): Promise<number> {
  // The link goes to whoever waits for it, and not into a log.
  let announced: string[] | undefined = announce ? [] : undefined
  const print = (line: string) => void (announced ? announced.push(line) : context.stdout.write(`${line}\n`))
  const { home, env, stdout } = context
  const terminal = stdout.isTTY === true
  // A signal that comes while it starts must not end the process; the file is being read anyway.
  let reload = () => {}
  context.onReloadSignal(() => (terminal && isHungUp() ? asked.resolve('asked') : reload()))
  // Loaded here, because no other command needs the gateway, and most of the program's size is in it.
  const { startGateway, StartError } = await import('../server/main.ts')
  const gateway = await startGateway({ home, env, flags, setAside, print, terminal }).catch(error => {
    throw error instanceof StartError ? new CommandError(error.message) : error
  })
  reload = gateway.reload
  if (announced) {
    await tellStarter(announced.join('\n'))
    // Lines that go elsewhere are bounded there.
    if (gateway.app.config['log.file'] === null) keepBounded(logFileOf(home))
  }
  announced = undefined
  giveBackSoon()
  const ending = await Promise.race([asked.promise, gateway.stopped])
  if (ending === 'asked') await gateway.stop()
  return exitCodes.ok
}

/** Whether the terminal of this process was closed, of which SIGHUP tells as well. */
function isHungUp(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return false
  } catch {
    return true
  }
}
