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
const sentences: readonly [RegExp, string][] = [
  [/^SQLITE_FULL/, 'The disk is full: nothing can be stored before there is space again.'],
  [/^SQLITE_(CORRUPT|NOTADB)/, 'The database is damaged: talon doctor says more, and how to go on.'],
  [/^SQLITE_READONLY/, 'The database is read-only: its file or its disk may not be written.'],
  [/^SQLITE_IOERR/, 'The disk failed to read or to write. If it stays so, look at the disk.'],
  [/^SQLITE_(BUSY|LOCKED|PROTOCOL)/, 'Another program holds the database. End it, and try again.'],
]
const taken = /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/

/** Turns what SQLite throws into what a client is told; faults of ours stay as they are. */
export function storageError(thrown: unknown): unknown {
  if (!(thrown instanceof Database.SqliteError)) return thrown
  if (taken.test(thrown.code)) return new TalonError('CONFLICT', 'This id exists already.', { cause: thrown })
  if (unavailable.test(thrown.code)) return engineError(thrown.code, thrown)
  return thrown
}

/** `STORAGE_UNAVAILABLE` for what SQLite says, with its code for those who look into it. */
export function engineError(code: string, cause?: unknown): TalonError {
  const [, sentence] = sentences.find(([codes]) => codes.test(code)) ?? [undefined, 'Storage is not available now.']
  return new TalonError('STORAGE_UNAVAILABLE', sentence, { details: { sqlite: code }, cause })
}

/** The code of SQLite behind an error; undefined if none is. */
export function engineCode({ extras }: { extras: { details?: unknown } }): string | undefined {
  const { details } = extras
  const known = typeof details === 'object' && details !== null && 'sqlite' in details ? details.sqlite : undefined
  return typeof known === 'string' ? known : undefined
}

/** Whether this code says that the file is damaged. A damaged full-text index is no loss: it is made of the rest. */
export function isDamage(code: string): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(code) && code !== 'SQLITE_CORRUPT_VTAB'
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
