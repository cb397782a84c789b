import { providersSchema } from './agent/providers.ts'
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

/** The providers that are set. @throws ConfigError that names `origin` */
export function providers(config: Config, origin: string) {
  const parsed = providersSchema.safeParse(config['agent.providers'])
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = ['agent.providers', ...(issue?.path ?? [])].join('.')
  throw new ConfigError(`${origin}: ${path}: ${issue?.message ?? 'not valid'}.`)
}
