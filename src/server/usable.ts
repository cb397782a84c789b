import { TalonError } from '../protocol/errors.ts'
import { type ProviderConfig, providersSchema } from './agent/providers.ts'
import { type Config, ConfigError, configFile, type LoadedConfig, refuseUnsafe, variableOf } from './config.ts'
import { refuseLogFile } from './log/place.ts'
import { workspaceOf } from './tools/registry.ts'
import { rootsOf } from './tools/roots.ts'

/** Refuses settings that do not go together, or with which this start or the next one would fail. @throws ConfigError */
export function refuseUnusable({ values, origins }: LoadedConfig, home: string): void {
  refuseUnsafe(values)
  const isOfFile = origins['agent.providers'] === 'file'
  providers(values, isOfFile ? configFile(home) : variableOf('agent.providers'))
  const workspace = workspaceOf(home, values['tools.workspace'])
  const written = rootsOf(home, workspace, values['tools.roots']).filter(root => root.writable)
  refuseLogFile(home, values['log.file'], [workspace, ...written.map(root => root.path)])
}

export type { ProviderConfig } from './agent/providers.ts'

/** The providers that are set. @throws ConfigError that names `origin` */
export function providers(config: Config, origin: string) {
  const parsed = providersSchema.safeParse(config['agent.providers'])
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = ['agent.providers', ...(issue?.path ?? [])].join('.')
  throw new ConfigError(`${origin}: ${path}: ${issue?.message ?? 'not valid'}.`)
}

const fieldWords: Readonly<Record<string, string>> = {
  name: 'Name',
  kind: 'What it speaks',
  baseUrl: 'Base URL',
  models: 'Models',
  headers: 'Headers',
  apiKey: 'Key',
  apiKeyEnv: 'Environment variable',
}

/** The providers that are in effect, which were checked before they were. */
export function savedProviders(config: Config): ProviderConfig[] {
  return providers(config, 'agent.providers')
}

/** One provider that somebody wants to add. @throws TalonError `INVALID_MESSAGE` that names the field, never its value */
export function checkedProvider(candidate: Readonly<Record<string, unknown>>): ProviderConfig {
  const parsed = providersSchema.safeParse([candidate])
  const [provider] = parsed.data ?? []
  if (provider) return provider
  const issue = parsed.error?.issues[0]
  const field = fieldWords[String(issue?.path[1] ?? '')]
  throw new TalonError('INVALID_MESSAGE', `${field ? `${field}: ` : ''}${issue?.message ?? 'not valid'}.`)
}
