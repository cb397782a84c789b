import type { Config } from '../config.ts'

// What programs call a variable that holds one.
const secretVariable = /(?:key|token|secret|passw(?:or)?d|credentials?)$/i

/** The secrets that the environment and the settings hold, whoever they are for. */
export function knownSecrets(env: Readonly<Record<string, string | undefined>>, config: Config): string[] {
  const variables = Object.entries(env).filter(([name]) => secretVariable.test(name))
  return [
    ...variables.map(([, value]) => value ?? ''),
    ...config['agent.providers'].flatMap(({ apiKey, headers }) => [...strings([apiKey]), ...strings(headers)]),
    ...strings(config['tracing.headers']),
    ...strings([config['search.braveKey'], config['search.tavilyKey']]),
  ]
}

/** The values of an object or a list. The name of a header does not tell whether it carries a key, so all count. */
function strings(holder: unknown): string[] {
  const values: unknown[] = typeof holder === 'object' && holder !== null ? Object.values(holder) : []
  return values.filter(value => typeof value === 'string')
}
