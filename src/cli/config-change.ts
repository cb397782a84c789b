import { type Command, InvalidArgumentError } from 'commander'
import * as z from 'zod'
import { configFile, fromText, isKey, loadConfig, resolveConfig, variableOf } from '../server/config.ts'
import { readChanges } from '../server/config-changes.ts'
import { changedText, hasLastGood, keepLastGood, readConfigText, replaceFile } from '../server/config-file.ts'
import { callApi } from './api.ts'
import { keyArgument } from './config-key.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { gatewayServes, whileLocked } from './offline.ts'

interface Changes {
  changes: Record<string, unknown>
  reset: string[]
}

const hashSchema = z.object({ hash: z.string() })
const updatedSchema = z.object({ message: z.string(), restartRequired: z.array(z.string()) })
const maxConfirmS = 600

/** Adds `set`, `unset` and `confirm`. */
export function addConfigChanges(command: Command, context: Context, exit: (code: number) => void): void {
  command
    .command('set <key=value...>')
    .description('Change settings in talon.json, all of them or none.')
    .option('--confirm-within <seconds>', 'take it back unless "talon config confirm" follows in time', readSeconds)
    .addHelpText('after', setHelp)
    .action(async (pairs: string[], options: { confirmWithin?: number }) => {
      const changes = Object.fromEntries(pairsOf(pairs))
      exit(await change(context, { changes, reset: [] }, options.confirmWithin))
    })
  command
    .command('unset <key...>')
    .description('Take settings out of talon.json: their defaults hold again.')
    .addHelpText(
      'after',
      '\nExamples:\n  talon config unset log.level\n  talon config unset backup.everyHours backup.keep',
    )
    .action(async (keys: string[]) => exit(await change(context, { changes: {}, reset: keys.map(keyArgument) })))
  command
    .command('confirm')
    .description('Confirm what was set with --confirm-within.')
    .addHelpText('after', '\nExamples:\n  talon config confirm')
    .action(async () => exit(await changeRunning(context, { changes: {}, reset: [] })))
}

const setHelp = `
Examples:
  talon config set log.level=debug
  talon config set agent.maxRuns=8 agent.fallback=openai/gpt-5-mini,offline
  talon config set 'server.allowedHosts=["talon.example.org"]' --confirm-within 60

A running gateway takes over at once what needs no restart, and says what does. Without one the file is changed.`

function pairsOf(words: readonly string[]): [string, unknown][] {
  const [first = '', second] = words
  // `set log.level debug`, as other programs write it.
  const pairs = words.length === 2 && second !== undefined && isKey(first) ? [`${first}=${second}`] : words
  return pairs.map(pair => {
    const at = pair.indexOf('=')
    if (at === -1) {
      throw new CommandError(`"${pair}": it is written key=value, such as log.level=debug.`, exitCodes.usage)
    }
    const key = keyArgument(pair.slice(0, at))
    return [key, isKey(key) ? fromText(key, pair.slice(at + 1)) : undefined]
  })
}

function readSeconds(text: string): number {
  const seconds = Number(text)
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= maxConfirmS) return seconds
  throw new InvalidArgumentError(`It is a whole number of seconds, from 1 to ${maxConfirmS}.`)
}

/** @throws ConfigError for a value that cannot be used, and nothing is changed */
async function change(context: Context, changes: Changes, confirmWithinS?: number): Promise<number> {
  readChanges(changes)
  if (await gatewayServes(context)) return changeRunning(context, changes, confirmWithinS)
  if (confirmWithinS !== undefined) {
    throw new CommandError('--confirm-within needs a gateway that runs. Start one with: talon start')
  }
  return whileLocked(context, 'config', () => changeFile(context, changes))
}

async function changeRunning(context: Context, changes: Changes, confirmWithinS?: number): Promise<number> {
  const { hash } = hashSchema.parse(await callApi(context, 'GET', '/config'))
  const confirm = confirmWithinS === undefined ? {} : { confirmWithinMs: confirmWithinS * 1_000 }
  const updated = updatedSchema.parse(await callApi(context, 'PATCH', '/config', { hash, ...changes, ...confirm }))
  context.stdout.write(`${updated.message}\n`)
  return exitCodes.ok
}

async function changeFile(context: Context, changes: Changes): Promise<number> {
  const { home, env } = context
  const file = configFile(home)
  const wanted = readChanges(changes)
  const { warnings } = loadConfig({ home, env })
  const before = readConfigText(home)
  const text = changedText(file, before, wanted)
  if (text === undefined || text === before) {
    context.stdout.write('Nothing was changed.\n')
    return exitCodes.ok
  }
  // Loaded here, because no other change needs it.
  const { refuseUnusable } = await import('../server/main.ts')
  refuseUnusable(resolveConfig({ home, env }, text), home)
  // A gateway keeps what it has started with, and nobody has started with this yet.
  if (!hasLastGood(home)) keepLastGood(home, before)
  replaceFile(file, text)
  context.stdout.write(`Changed ${[...wanted.keys()].join(', ')} in ${file}, for the next start.\n`)
  for (const warning of warnings) context.stderr.write(`${warning}\n`)
  for (const key of wanted.keys()) {
    if (isKey(key) && env[variableOf(key)]) {
      context.stderr.write(`${variableOf(key)} is set here and wins over the file.\n`)
    }
  }
  return exitCodes.ok
}
