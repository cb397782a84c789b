import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { SecretSource } from './agent/providers.ts'
import { ConfigError, variableOf } from './config.ts'
import { type SettingKey, settings } from './settings.ts'

type Environment = Readonly<Record<string, string | undefined>>

const suffix = '_FILE'
// The longest setting is a list of providers; whatever is longer is not a file of ours.
const maxBytes = 256 * 1024
const maxSecretBytes = 64 * 1024

/**
 * The environment in which `TALON_X_FILE` was replaced by `TALON_X` with the content of that file, for any setting and for
 * the token: what a container gets as a secret lies in a file, where no list of processes or containers shows it.
 * @throws ConfigError if the file cannot be read or is empty, or if both are set
 */
export function withSecretFiles(env: Environment): Environment {
  // The keys of a literal table, which Object.keys widens to string.
  const settable = (Object.keys(settings) as SettingKey[]).map(variableOf)
  const replaced: Record<string, string | undefined> = { ...env }
  for (const name of [...settable, 'TALON_TOKEN', 'TALON_URL']) {
    const variable = `${name}${suffix}`
    const file = env[variable]
    // One that is a setting of its own, such as the file of the prompt.
    if (file === undefined || file === '' || settable.includes(variable)) continue
    if (env[name]) throw new ConfigError(`${variable} and ${name} are both set. Remove one of the two.`)
    delete replaced[variable]
    replaced[name] = contentOf(file, variable)
  }
  return replaced
}

/** A key that the settings name the place of; undefined if there is none that can be read. */
export function readSecret(source: SecretSource, env: Environment, home: string): string | undefined {
  if ('env' in source) return env[source.env]
  try {
    return readFileSync(resolve(home, source.file), 'utf8').slice(0, maxSecretBytes).trim()
  } catch {
    return undefined
  }
}

function contentOf(file: string, variable: string): string {
  let content: Buffer
  try {
    content = readFileSync(file)
  } catch (error) {
    throw new ConfigError(`${variable}: ${error instanceof Error ? error.message : String(error)}.`)
  }
  if (content.byteLength > maxBytes) throw new ConfigError(`${variable}: ${file} has over ${maxBytes / 1024} KiB.`)
  // Editors and `echo` end a file with a line feed.
  const text = content.toString('utf8').trim()
  if (text === '') throw new ConfigError(`${variable}: ${file} is empty.`)
  return text
}
