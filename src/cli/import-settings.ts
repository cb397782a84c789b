import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { OldProvider, OldSettings } from '../db/legacy/settings.ts'
import { type Config, configFile, loadConfig } from '../server/config.ts'
import { CommandError, type Context } from './context.ts'

export interface TakenSettings {
  /** Names of providers that are in `talon.json` now. */
  providers: string[]
  model: string | null
  /** What was not taken over, and why: one sentence each. */
  left: string[]
}

/** @throws CommandError if there are providers already */
export function requireNoProviders({ home }: Context, config: Config): void {
  if (config['agent.providers'].length === 0) return
  throw new CommandError(
    `${configFile(home)} has providers already, so no settings were taken over, and nothing was imported. ` +
      'Leave out --settings, or remove its agent.providers first.',
  )
}

/**
 * Writes providers and model of the old settings into `talon.json`, and each key into a file of its own that only the
 * account of the gateway can read.
 */
export function takeSettings(context: Context, old: OldSettings, models: readonly string[]): TakenSettings {
  const { home, env } = context
  const { values, origins } = loadConfig({ home, env })
  if (values['agent.providers'].length > 0) {
    const late = `${configFile(home)} has got providers meanwhile, so no settings were taken over.`
    return { providers: [], model: null, left: [late] }
  }
  const left = old.unknown.map(name => `${name}: its address is not known. Add it by hand, as docs/providers.md says.`)
  const taken: { provider: OldProvider; models: string[] }[] = []
  for (const provider of old.providers) {
    const all = [...new Set([...provider.models, ...namedOf(provider.name, models)])]
    if (all.length > 0) taken.push({ provider, models: all })
    else left.push(`${provider.name}: no model of it is named. Say for example: --model ${provider.name}/<model>`)
  }
  const [first] = taken
  const model = old.model !== undefined && origins['agent.model'] === 'default' ? old.model : null
  if (!first) return { providers: [], model: null, left: left.length > 0 ? left : ['There are no old provider keys.'] }
  for (const { provider } of taken) writeKey(home, provider)
  writeConfig(
    home,
    taken.map(({ provider, models: ids }) => entryOf(provider, ids)),
    model,
  )
  return { providers: taken.map(({ provider }) => provider.name), model, left }
}

function namedOf(provider: string, models: readonly string[]): string[] {
  return models.filter(name => name.startsWith(`${provider}/`)).map(name => name.slice(provider.length + 1))
}

function entryOf({ name, kind, baseUrl }: OldProvider, models: readonly string[]): Record<string, unknown> {
  return { name, kind, ...(baseUrl === undefined ? {} : { baseUrl }), apiKeyFile: keyFile(name), models }
}

function keyFile(name: string): string {
  return `secrets/${name}.key`
}

function writeKey(home: string, { name, apiKey }: OldProvider): void {
  mkdirSync(join(home, 'secrets'), { recursive: true, mode: 0o700 })
  chmodSync(join(home, 'secrets'), 0o700)
  replace(join(home, keyFile(name)), `${apiKey}\n`)
}

/** What else is in the file stays there. */
function writeConfig(home: string, providers: readonly object[], model: string | null): void {
  const file = configFile(home)
  // It was read by loadConfig, so it is an object of objects.
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { agent?: object }) : {}
  const agent = { ...before.agent, providers, ...(model === null ? {} : { model }) }
  replace(file, `${JSON.stringify({ ...before, agent }, null, 2)}\n`)
}

/** At once, so that nobody reads half of it. */
function replace(file: string, content: string): void {
  const draft = `${file}.draft`
  rmSync(draft, { force: true })
  writeFileSync(draft, content, { mode: 0o600, flag: 'wx' })
  renameSync(draft, file)
}
