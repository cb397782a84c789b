import { existsSync } from 'node:fs'
import { ConfigError, configFile, refuseUnsafe } from '../config.ts'
import { bad, type Check, type Finding, ok, type Subject, warn } from './check.ts'

/** Whether the settings can be used. */
export const settingsCheck: Check = {
  name: 'settings',
  group: 'settings',
  look: subject => [...lookAtValues(subject), ...lookAtWarnings(subject)],
}

function lookAtValues({ home, config, settingsProblem }: Subject): Finding[] {
  const file = configFile(home)
  if (!config || settingsProblem !== undefined) {
    const fix = 'Change or remove it; talon config shows every setting.'
    return [bad('settings.valid', 'A setting cannot be used: no start is possible.', settingsProblem ?? null, fix)]
  }
  try {
    refuseUnsafe(config)
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown
    return [
      bad(
        'settings.safe',
        'The settings together would leave the gateway open.',
        thrown.message,
        'Change one of them.',
      ),
    ]
  }
  return [
    ok('settings.valid', existsSync(file) ? `${file} is valid.` : 'There is no talon.json: the defaults are used.'),
  ]
}

function lookAtWarnings({ settingsWarnings }: Subject): Finding[] {
  return settingsWarnings.map(warning => warn('settings.unknown', warning, null, 'Rename the variable, or remove it.'))
}
