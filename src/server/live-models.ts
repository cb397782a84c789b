import { buildModels } from './agent/providers.ts'
import { type Config, configFile } from './config.ts'
import { knownSecrets } from './log/secrets.ts'
import type { Log } from './log.ts'
import type { Clock, Models, Settings } from './record.ts'
import { readSecret } from './secret-files.ts'
import { providers } from './usable.ts'

export interface LiveModelsDeps {
  home: string
  env: Readonly<Record<string, string | undefined>>
  settings: Pick<Settings, 'onChange'> & { config: Config }
  log: Log & { hide(secrets: Iterable<string | undefined>): void }
  clock: Clock
  newId: () => string
}

/** The models of the settings, which follow each change of `agent.providers`. @throws ConfigError */
export function createModels({ home, env, settings, log, clock, newId }: LiveModelsDeps): Models {
  const { config } = settings
  const file = configFile(home)
  const models = buildModels(providers(config, file), {
    newId,
    now: clock.now,
    readSecret(source) {
      const secret = readSecret(source, env, home)
      log.hide([secret])
      return secret
    },
    pool: {
      connections: config['agent.poolConnections'],
      keepAliveMs: config['agent.poolKeepAliveMs'],
      connectTimeoutMs: config['agent.connectTimeoutMs'],
    },
  })
  settings.onChange(['agent.providers'], changed => {
    // Before the first call that may fail with them.
    log.hide(knownSecrets({}, changed))
    models.update(providers(changed, file))
  })
  return models
}
