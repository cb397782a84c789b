import type * as z from 'zod'
import type { SettingInfo } from '../protocol/requests/config.ts'
import { ConfigError, configFile, isRecord, parseSections, readConfigText } from './config-file.ts'
import { type Config, type SettingKey, settings } from './settings.ts'

export type { Config }
export { ConfigError, configFile }

/** Where a value comes from; a later one of `default < file < env < flag` wins. */
export type Origin = 'default' | 'file' | 'env' | 'flag'

export interface LoadedConfig {
  values: Config
  origins: Record<SettingKey, Origin>
  /** Environment variables that look like settings and are none, with the nearest right name. */
  warnings: string[]
}

/** A text of the file, with what follows from it. */
export interface ConfigState {
  text: string | undefined
  loaded: LoadedConfig
}

/** What settings are made from beside the file. */
export interface ConfigSource {
  /** The data folder, which the file lies in. */
  home: string
  env: Readonly<Record<string, string | undefined>>
  flags?: Partial<Record<SettingKey, string>> | undefined
}

/** Every key, in the order of the table. */
export const settingKeys = Object.keys(settings) as SettingKey[] // The keys of a literal table, which Object.keys widens to string.
// Read by main or npm, not settings of the table.
const otherVariables = new Set(['TALON_HOME', 'TALON_TOKEN', 'TALON_URL'])

/** Name of the environment variable of a setting: `TALON_SECTION_KEY`, or a shorter one that the table names. */
export function variableOf(key: SettingKey): string {
  const row = settings[key]
  if ('variable' in row) return row.variable
  return `TALON_${key
    .replace('.', '_')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toUpperCase()}`
}

/**
 * Reads every setting: defaults, then `<home>/talon.json`, then the environment, then flags.
 * @throws ConfigError which names file (or variable), key and reason.
 */
export function loadConfig(source: ConfigSource): LoadedConfig {
  return resolveConfig(source, readConfigText(source.home))
}

/** The same with this text in the place of the file; undefined where there is none. */
export function resolveConfig(source: ConfigSource, text: string | undefined): LoadedConfig {
  const file = configFile(source.home)
  const values = new Map<string, unknown>()
  const origins = new Map<string, Origin>()
  for (const key of settingKeys) {
    values.set(key, settings[key].schema.parse(settings[key].default))
    origins.set(key, 'default')
  }
  const take = (key: SettingKey, value: unknown, origin: Origin, where: string) => {
    values.set(key, check(key, value, where))
    origins.set(key, origin)
  }
  for (const [key, value] of readSections(file, text)) take(key, value, 'file', `${file}: ${key}`)
  for (const key of settingKeys) {
    const text = source.env[variableOf(key)]
    if (text !== undefined && text !== '') take(key, fromText(key, text), 'env', variableOf(key))
  }
  for (const [key, text] of Object.entries(source.flags ?? {})) {
    if (isKey(key) && text !== undefined) take(key, fromText(key, text), 'flag', flagOf(key))
  }
  return {
    // Every key was set above from its own schema; a Map cannot say so.
    values: Object.fromEntries(values) as unknown as Config,
    origins: Object.fromEntries(origins) as Record<SettingKey, Origin>,
    warnings: unknownVariables(source.env),
  }
}

/** Every setting as it may be shown; a secret that is set is `[set]`. */
export function describeSettings({ values, origins }: LoadedConfig): Omit<SettingInfo, 'restartRequired'>[] {
  return settingKeys.map(key => {
    const { live, doc } = settings[key]
    const secret = 'secret' in settings[key]
    const shown = origins[key] === 'default' ? null : '[set]'
    return { key, value: secret ? shown : values[key], source: origins[key], live, secret, doc }
  })
}

/** Refuses combinations that would leave the gateway open. @throws ConfigError */
export function refuseUnsafe(config: Config): void {
  const host = config['server.host']
  if (isLoopback(host)) return
  if (config['auth.mode'] === 'none') {
    throw new ConfigError(
      `auth.mode "none" works on a loopback address only, and server.host is ${host}. Remove one of the two.`,
    )
  }
  if (config['limits.enabled'] === 'off') {
    throw new ConfigError(
      `TALON_LIMITS=off is for benchmarks on a loopback address, and server.host is ${host}. Remove one of the two.`,
    )
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

function readSections(file: string, text: string | undefined): [SettingKey, unknown][] {
  if (text === undefined) return []
  return Object.entries(parseSections(file, text)).flatMap(([section, value]) => readSection(file, section, value))
}

function readSection(file: string, section: string, value: unknown): [SettingKey, unknown][] {
  if (!settingKeys.some(key => key.startsWith(`${section}.`))) {
    const known = [...new Set(settingKeys.map(key => key.split('.')[0] ?? ''))]
    throw new ConfigError(`${file}: unknown section "${section}". Did you mean "${nearest(section, known)}"?`)
  }
  if (!isRecord(value)) throw new ConfigError(`${file}: "${section}" must be an object.`)
  return Object.entries(value).map(([name, setting]) => {
    const key = `${section}.${name}`
    if (!isKey(key))
      throw new ConfigError(`${file}: unknown key "${key}". Did you mean "${nearest(key, settingKeys)}"?`)
    return [key, setting]
  })
}

/** The value as readers get it. @throws ConfigError that names place, value (but for a secret) and reason */
export function check(key: SettingKey, value: unknown, where: string): unknown {
  const result = settings[key].schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const path = issue && issue.path.length > 0 ? ` at ${issue.path.join('.')}` : ''
  // An address may hold a password, which a log of the start would keep.
  const given = JSON.stringify(value)?.replace(/(:\/\/)[^/\s"]*@/g, '$1[redacted]@')
  const shown = 'secret' in settings[key] ? '' : ` (got ${given?.slice(0, 100)})`
  throw new ConfigError(`${where}: ${issue?.message ?? 'not valid'}${path}${shown}.`)
}

/** Numbers, booleans, lists and objects are written as JSON in a variable; a list also as words between commas. */
export function fromText(key: SettingKey, text: string): unknown {
  const schema: z.ZodType = settings[key].schema
  if (schema.safeParse(text).success) return text
  try {
    return JSON.parse(text)
  } catch {
    if (!schema.safeParse([]).success) return text
    return text
      .split(',')
      .map(part => part.trim())
      .filter(part => part !== '')
  }
}

/** @throws ConfigError for one that was to be a limit: it would be missed only when it is needed. */
function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Map(settingKeys.map(key => [variableOf(key), key]))
  const unknown = Object.keys(env).filter(
    name => name.startsWith('TALON_') && !known.has(name) && !otherVariables.has(name),
  )
  const complain = (name: string) =>
    `${name} is no setting. Did you mean ${nearest(name, [...known.keys(), ...otherVariables])}?`
  const limit = unknown.find(name => name.startsWith('TALON_LIMITS_'))
  if (limit !== undefined) throw new ConfigError(complain(limit))
  return unknown.map(complain)
}

/** The flag of `talon start` that sets it. */
export function flagOf(key: SettingKey): string {
  if (key === 'server.host' || key === 'server.port') return `--${key.slice('server.'.length)}`
  return `--set ${key}`
}

export function isKey(key: string): key is SettingKey {
  return Object.hasOwn(settings, key)
}

/** The candidate with the smallest edit distance (Levenshtein). */
export function nearest(word: string, candidates: readonly string[]): string {
  const ranked = candidates.map(candidate => ({ candidate, distance: editDistance(word, candidate) }))
  return ranked.sort((a, b) => a.distance - b.distance)[0]?.candidate ?? ''
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1]?.toLowerCase() === b[j - 1]?.toLowerCase() ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
