import { loadConfig } from '../server/config.ts'
import { settings } from '../server/settings.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { startDaemon } from './process/daemon.ts'
import type { EndOptions } from './process/ending.ts'
import { runningGateway } from './process/holding.ts'
import { unitOf } from './process/systemd.ts'
import type { AddCommand } from './program.ts'
import { addSettingFlags, type SettingFlags, settingFlags } from './settings-flags.ts'
import { addEndFlags, bySystemd, endGateway, endOptions } from './stop.ts'

export const restartCommand: AddCommand = (parent, context, exit) => {
  const command = parent.command('restart').description('Stop the gateway if it runs, and start it in the background.')
  addSettingFlags(addEndFlags(command))
    .addHelpText('after', help)
    .action(async options => exit(await restart(context, settingFlags(options), endOptions(options))))
}

const help = `
Examples:
  talon restart
  talon restart --port 8080

It keeps the flags that the running gateway was started with; the same flag here takes the place of an old one. Settings
that cannot be used are refused before anything is stopped. What systemd runs as talon.service, systemd restarts.`

async function restart(context: Context, given: SettingFlags, options: EndOptions): Promise<number> {
  const run = await runningGateway(context)
  const unit = run && unitOf(run.pid)
  if (unit) {
    if (Object.keys(given).length > 0) {
      throw new CommandError(`systemd runs it as ${unit.name}. Put the settings into talon.json, then: talon restart`)
    }
    bySystemd(context, unit, 'restart')
    return exitCodes.ok
  }
  const flags = { ...knownFlags(run?.flags), ...given }
  const { home, env } = context
  // Loaded here, because no other command needs it.
  const { refuseUnusable } = await import('../server/main.ts')
  refuseUnusable(loadConfig({ home, env, flags }), home)
  if (run) await endGateway(context, run, options)
  return startDaemon(context, { flags })
}

/** A gateway of another version may have had other settings. */
function knownFlags(flags: Readonly<Record<string, string>> = {}): SettingFlags {
  return Object.fromEntries(Object.entries(flags).filter(([key]) => Object.hasOwn(settings, key)))
}
