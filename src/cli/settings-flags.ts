import { type Command, InvalidArgumentError } from 'commander'
import { nearest } from '../server/config.ts'
import { type SettingKey, settings } from '../server/settings.ts'

/** Settings from the command line, by their keys. */
export type SettingFlags = Partial<Record<SettingKey, string>>

interface FlagOptions {
  host?: string
  port?: string
  set?: SettingFlags
}

/** Lets a command take settings: `--host`, `--port`, and `--set key=value` for every other. */
export function addSettingFlags(command: Command): Command {
  return command
    .option('--host <address>', settings['server.host'].doc)
    .option('--port <number>', settings['server.port'].doc)
    .option('--set <key=value>', 'any setting; may be repeated', collect)
}

/** What `addSettingFlags` took, as `loadConfig` wants it. */
export function settingFlags(options: FlagOptions): SettingFlags {
  return {
    ...options.set,
    ...(options.host === undefined ? {} : { 'server.host': options.host }),
    ...(options.port === undefined ? {} : { 'server.port': options.port }),
  }
}

function collect(pair: string, earlier: SettingFlags = {}): SettingFlags {
  const [key = '', ...value] = pair.split('=')
  if (value.length === 0) throw new InvalidArgumentError('It is written key=value, such as log.level=debug.')
  if (!Object.hasOwn(settings, key)) {
    throw new InvalidArgumentError(
      `There is no setting "${key}". Did you mean "${nearest(key, Object.keys(settings))}"?`,
    )
  }
  return { ...earlier, [key]: value.join('=') }
}
