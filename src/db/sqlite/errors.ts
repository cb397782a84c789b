import Database from 'better-sqlite3'
import { type ErrorCode, type ErrorExtras, TalonError } from '../../protocol/errors.ts'

/** An error on its way from the writer to the main thread. Without a code it is a fault of ours. */
export interface WireError {
  code: ErrorCode | null
  message: string
  extras: Omit<ErrorExtras, 'cause'>
  stack: string | undefined
}

// What the disk, the file or another process can do to us, by the first two words of SQLite's code.
const unavailable =
  /^SQLITE_(FULL|IOERR|READONLY|CORRUPT|NOTADB|CANTOPEN|BUSY|LOCKED|NOMEM|PROTOCOL|PERM|AUTH|INTERRUPT|ABORT)(_|$)/
const taken = /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/

/** Turns what SQLite throws into what a client is told; faults of ours stay as they are. */
export function storageError(thrown: unknown): unknown {
  if (!(thrown instanceof Database.SqliteError)) return thrown
  if (taken.test(thrown.code)) return new TalonError('CONFLICT', 'This id exists already.', { cause: thrown })
  if (unavailable.test(thrown.code)) return unavailableError(`Storage is not available now (${thrown.code}).`, thrown)
  return thrown
}

/** `STORAGE_UNAVAILABLE` with a sentence that says why. */
export function unavailableError(message: string, cause?: unknown): TalonError {
  return new TalonError('STORAGE_UNAVAILABLE', message, cause === undefined ? {} : { cause })
}

export function sessionNotFound(sessionId: string): TalonError {
  return new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
}

export function writeError(thrown: unknown): WireError {
  const error = storageError(thrown)
  if (error instanceof TalonError) {
    const { cause: _cause, ...extras } = error.extras
    return { code: error.code, message: error.message, extras, stack: undefined }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: null, message, extras: {}, stack: error instanceof Error ? error.stack : undefined }
}

export function readError(wire: WireError): Error {
  if (wire.code !== null) return new TalonError(wire.code, wire.message, wire.extras)
  const error = new Error(wire.message)
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}
