import * as z from 'zod'
import { configFile, describeSettings, loadConfig } from '../server/config.ts'
import { callApi } from './api.ts'
import { addConfigChanges } from './config-change.ts'
import { keyArgument } from './config-key.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { gatewayServes } from './offline.ts'
import type { AddCommand } from './program.ts'
import { addSettingFlags, type SettingFlags, settingFlags } from './settings-flags.ts'
import { table } from './text.ts'

const shownSchema = z.object({
  settings: z.array(
    z.object({
      key: z.string(),
      value: z.unknown(),
      source: z.string(),
      live: z.boolean(),
      secret: z.boolean(),
      doc: z.string(),
      restartRequired: z.boolean().optional(),
    }),
  ),
  hash: z.string().optional(),
})
type Shown = z.infer<typeof shownSchema>

export const configCommand: AddCommand = (parent, context, exit) => {
  const command = parent
    .command('config')
    .description('Show every setting, its value and where that comes from. No gateway has to run.')
    .option('--json', 'print {home, file, settings: [{key, value, source, live, secret, doc}]}')
  addSettingFlags(command)
    .addHelpText('after', help)
    .action(options => list(context, settingFlags(options), options.json === true).then(exit))
  command
    .command('list')
    .description('The same as "talon config".')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  talon config list')
    .action((_own, sub) => {
      const options = sub.optsWithGlobals()
      return list(context, settingFlags(options), options.json === true).then(exit)
    })
  command
    .command('get <key>')
    .description('Print the value of one setting.')
    .option('--json', 'print {key, value, source, live, secret, doc}')
    .addHelpText('after', '\nExamples:\n  talon config get log.level\n  talon config get agent.fallback --json')
    .action(async (key, _own, sub) => {
      const options = sub.optsWithGlobals()
      exit(await get(context, keyArgument(key), settingFlags(options), options.json === true))
    })
  addConfigChanges(command, context, exit)
}

const help = `
Examples:
  talon config
  talon config --json
  talon config set log.level=debug
  talon config unset log.level
  TALON_PORT=8080 talon config --set log.level=debug

A setting comes from its default, <home>/talon.json, the environment (TALON_SECTION_KEY) or a flag; the last one wins.
While a gateway runs, its settings are shown and changed; with flags it is shown what a start with them would use.`

async function list(context: Context, flags: SettingFlags, asJson: boolean): Promise<number> {
  const file = configFile(context.home)
  const shown = await show(context, flags)
  if (asJson) {
    context.stdout.write(`${JSON.stringify({ home: context.home, file, ...shown })}\n`)
    return exitCodes.ok
  }
  const rows = shown.settings.map(row => [row.key, textOf(row), row.source])
  context.stdout.write(table(['SETTING', 'VALUE', 'FROM'], rows))
  const waiting = shown.settings.filter(row => row.restartRequired).map(row => row.key)
  if (waiting.length > 0) context.stderr.write(`In effect after a restart: ${waiting.join(', ')}.\n`)
  if (!context.env['TALON_URL']) context.stderr.write(`The file is ${file}.\n`)
  return exitCodes.ok
}

async function get(context: Context, key: string, flags: SettingFlags, asJson: boolean): Promise<number> {
  const row = (await show(context, flags)).settings.find(setting => setting.key === key)
  if (!row) throw new CommandError(`This gateway has no setting "${key}". Is it of another version?`)
  context.stdout.write(asJson ? `${JSON.stringify(row)}\n` : `${textOf(row)}\n`)
  return exitCodes.ok
}

async function show(context: Context, flags: SettingFlags): Promise<Shown> {
  if (Object.keys(flags).length === 0 && (await gatewayServes(context))) {
    return shownSchema.parse(await callApi(context, 'GET', '/config'))
  }
  const loaded = loadConfig({ home: context.home, env: context.env, flags })
  for (const warning of loaded.warnings) context.stderr.write(`${warning}\n`)
  return { settings: describeSettings(loaded) }
}

function textOf({ value, secret }: Shown['settings'][number]): string {
  if (secret && value === null) return 'not set'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
