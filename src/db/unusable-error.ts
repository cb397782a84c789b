import { TalonError } from '../protocol/errors.ts'

/**
 * A database that cannot be opened as it is: damaged, or not to be written. Nothing in it was changed; the process that
 * needs it says so and exits with 74 (EX_IOERR of sysexits.h).
 */
export class UnusableDatabaseError extends TalonError {
  constructor(message: string, cause?: unknown) {
    super('STORAGE_UNAVAILABLE', message, cause === undefined ? {} : { cause })
  }
}
