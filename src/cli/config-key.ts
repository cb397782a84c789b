import { knownKey } from '../server/config-changes.ts'
import { ConfigError } from '../server/config-file.ts'
import { CommandError, exitCodes } from './context.ts'

/** The key of a setting in the command line. @throws CommandError with the nearest that exists */
export function keyArgument(key: string): string {
  try {
    return knownKey(key)
  } catch (error) {
    throw error instanceof ConfigError ? new CommandError(error.message, exitCodes.usage) : error
  }
}
