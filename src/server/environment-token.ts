import { ConfigError } from './config.ts'

const minTokenLength = 32

/** The token that the environment gives a gateway, if it does. @throws ConfigError if it is short enough to be guessed */
export function environmentToken(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const token = env['TALON_TOKEN']
  if (token === undefined || token === '') return undefined
  if (token.length >= minTokenLength) return token
  throw new ConfigError(
    `TALON_TOKEN must have at least ${minTokenLength} characters. Make one with: openssl rand -hex 32`,
  )
}
