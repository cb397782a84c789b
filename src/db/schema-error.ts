import { TalonError } from '../protocol/errors.ts'

/**
 * A database whose schema is not this program's and could not be brought to it. Nothing in it was changed; trying again
 * changes nothing, so the process that needs it says so and exits with 78 (EX_CONFIG of sysexits.h).
 */
export class SchemaError extends TalonError {
  constructor(message: string, cause?: unknown) {
    super('STORAGE_UNAVAILABLE', message, cause === undefined ? {} : { cause })
  }
}
