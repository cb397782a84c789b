import { configFile, loadConfig, type Origin } from '../server/config.ts'
import { type SettingKey, settings } from '../server/settings.ts'
import { type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { addSettingFlags, type SettingFlags, settingFlags } from './settings-flags.ts'
import { table } from './text.ts'

const keys = Object.keys(settings) as SettingKey[] // The keys of a literal table, which Object.keys widens to string.

export const configCommand: AddCommand = (parent, context, exit) => {
  const command = parent
    .command('config')
    .description('Show every setting, its value and where that comes from. No gateway has to run.')
    .option('--json', 'print {home, file, settings: [{key, value, source, live, secret, doc}]}')
  addSettingFlags(command)
    .addHelpText('after', help)
    .action(options => exit(config(context, settingFlags(options), options.json === true)))
}

const help = `
Examples:
  talon config
  talon config --json
  TALON_PORT=8080 talon config --set log.level=debug

A setting comes from its default, <home>/talon.json, the environment (TALON_SECTION_KEY) or a flag; the last one wins.`

function config(context: Context, flags: SettingFlags, asJson: boolean): number {
  const { values, origins, warnings } = loadConfig({ home: context.home, env: context.env, flags })
  const rows = keys.map(key => ({
    key,
    value: shown(key, values[key], origins[key]),
    source: origins[key],
    live: settings[key].live,
    secret: isSecret(key),
    doc: settings[key].doc,
  }))
  const file = configFile(context.home)
  for (const warning of warnings) context.stderr.write(`${warning}\n`)
  if (asJson) context.stdout.write(`${JSON.stringify({ home: context.home, file, settings: rows })}\n`)
  else {
    context.stdout.write(
      table(
        ['SETTING', 'VALUE', 'FROM'],
        rows.map(row => [row.key, textOf(row.value), row.source]),
      ),
    )
    context.stderr.write(`The file is ${file}.\n`)
  }
  return exitCodes.ok
}

function shown(key: SettingKey, value: unknown, origin: Origin): unknown {
  return isSecret(key) && origin !== 'default' ? '[set]' : value
}

function isSecret(key: SettingKey): boolean {
  return 'secret' in settings[key]
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
