import { CommandError, type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { addSettingFlags, type SettingFlags, settingFlags } from './settings-flags.ts'

export const startCommand: AddCommand = (parent, context, exit) => {
  const command = parent.command('start').description('Run the gateway until it is stopped (Ctrl-C or SIGTERM).')
  addSettingFlags(command)
    .addHelpText('after', help)
    .action(async options => exit(await start(context, settingFlags(options))))
}

const help = `
Examples:
  talon start
  talon start --port 8080
  talon start --home /srv/talon --set agent.model=offline --set log.level=debug

The first Ctrl-C or SIGTERM lets runs end (10 s at most) and exits with 0; a second one exits at once with 1.
"talon config" shows every setting.`

/** Runs the gateway; resolves with the exit code after it has stopped. */
async function start(context: Context, flags: SettingFlags): Promise<number> {
  const asked = Promise.withResolvers<'asked'>()
  const insisted = Promise.withResolvers<'insisted'>()
  let signals = 0
  const deafen = context.onStopSignal(() => (++signals === 1 ? asked.resolve('asked') : insisted.resolve('insisted')))
  try {
    return await Promise.race([serve(context, flags, asked.promise), insisted.promise.then(() => exitCodes.failed)])
  } finally {
    deafen()
  }
}

async function serve(context: Context, flags: SettingFlags, asked: Promise<'asked'>): Promise<number> {
  // Loaded here, because no other command needs the gateway, and most of the program's size is in it.
  const { startGateway, StartError } = await import('../server/main.ts')
  const print = (line: string) => void context.stdout.write(`${line}\n`)
  const gateway = await startGateway({ home: context.home, env: context.env, flags, print }).catch(error => {
    throw error instanceof StartError ? new CommandError(error.message) : error
  })
  const ending = await Promise.race([asked, gateway.stopped])
  if (ending === 'asked') await gateway.stop()
  return exitCodes.ok
}
