import { isDeepStrictEqual } from 'node:util'
import { TalonError } from '../protocol/errors.ts'
import {
  check,
  describeSettings,
  flagOf,
  isKey,
  type LoadedConfig,
  nearest,
  settingKeys,
  variableOf,
} from './config.ts'
import { ConfigError, type FileChanges } from './config-file.ts'
import type { SettingChange } from './record-settings.ts'
import { type SettingKey, settings } from './settings.ts'

/** What somebody wants to change. */
export interface AskedChanges {
  /** By key; null is the default where the setting has no such value. */
  changes: Readonly<Record<string, unknown>>
  /** Keys that go back to their default. */
  reset?: readonly string[] | undefined
}

/** A setting that the file cannot change, because the environment or the command line has it. */
export class FixedSettingError extends ConfigError {
  readonly key: SettingKey

  constructor(key: SettingKey, place: string) {
    super(`${key} is set by ${place}, which wins over talon.json. Change it there and restart.`)
    this.key = key
  }
}

/**
 * What has to be written into the file, each value checked on its own.
 * @throws ConfigError that names every key that cannot be changed so, with value and reason; FixedSettingError
 */
export function readChanges({ changes, reset = [] }: AskedChanges): FileChanges {
  const wanted = new Map<SettingKey, unknown>()
  const problems: string[] = []
  const asked: [string, unknown][] = [...reset.map((key): [string, undefined] => [key, undefined])]
  for (const [key, value] of [...asked, ...Object.entries(changes)]) {
    try {
      const known = knownKey(key)
      if (wanted.has(known)) throw new ConfigError(`${key} is in "changes" and in "reset". Remove one of the two.`)
      const toDefault = value === undefined || (value === null && !settings[known].schema.safeParse(null).success)
      if (!toDefault) check(known, value, key)
      wanted.set(known, toDefault ? undefined : value)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      problems.push(error.message)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems.join(' '))
  return wanted
}

/** @throws FixedSettingError */
export function refuseFixed(wanted: FileChanges, { origins }: Pick<LoadedConfig, 'origins'>): void {
  for (const key of wanted.keys()) {
    if (!isKey(key)) continue
    if (origins[key] === 'env') throw new FixedSettingError(key, `the environment variable ${variableOf(key)}`)
    if (origins[key] === 'flag') throw new FixedSettingError(key, `the flag ${flagOf(key)} of "talon start"`)
  }
}

/** The same key. @throws ConfigError with the nearest that exists */
export function knownKey(key: string): SettingKey {
  if (isKey(key)) return key
  throw new ConfigError(`There is no setting "${key}". Did you mean "${nearest(key, settingKeys)}"?`)
}

/** The keys of which one state of the settings has another value than the other. */
export function changedKeys(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): SettingKey[] {
  return settingKeys.filter(key => !isDeepStrictEqual(before[key], after[key]))
}

/** The same with both values, as they may be shown. */
export function describeChanges(before: LoadedConfig, after: LoadedConfig): SettingChange[] {
  const [shownBefore, shownAfter] = [valuesOf(before), valuesOf(after)]
  return changedKeys(before.values, after.values).map(key => ({
    key,
    before: shownBefore.get(key),
    after: shownAfter.get(key),
  }))
}

function valuesOf(loaded: LoadedConfig): Map<string, unknown> {
  return new Map(describeSettings(loaded).map(({ key, value }) => [key, value]))
}

/** A refusal of what cannot be set, for whoever asked; what is no such error stays as it is. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof ConfigError)) return error
  return new TalonError(error instanceof FixedSettingError ? 'CONFLICT' : 'INVALID_MESSAGE', error.message)
}

/** The same where the file itself cannot be used any more. */
export function unusableFile(error: unknown): unknown {
  if (!(error instanceof ConfigError)) return error
  const words = `talon.json was changed by hand and cannot be used: ${error.message} Mend it first.`
  return new TalonError('CONFLICT', words)
}

/** What was changed, and what of it waits for a restart, for a person. */
export function wordsFor(
  changed: readonly SettingKey[],
  waiting: readonly SettingKey[],
  more: string | undefined,
): string {
  const later = changed.filter(key => waiting.includes(key))
  const parts = [
    ...(changed.length > 0 ? [`Changed ${changed.join(', ')}.`] : []),
    ...(later.length > 0 ? [`A restart is needed for ${later.join(', ')}.`] : []),
    ...(more === undefined ? [] : [more]),
  ]
  return parts.length > 0 ? parts.join(' ') : 'The file changed, and no value.'
}
