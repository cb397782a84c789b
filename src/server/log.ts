import { pino } from 'pino'

/** The log: one JSON line per event on standard output. */
export type Log = Pick<pino.Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'> & {
  child(bindings: Record<string, unknown>): Log
}

// Keys under which a secret could reach a line; their values never do.
const secretKeys = ['token', 'secret', 'password', 'apiKey', 'authorization', 'cookie']

/** Opens the log at a level; `write` takes each finished line, standard output if it is left out. */
export function openLog(options: { level: string; write?: (line: string) => void }): Log {
  const redact = { paths: secretKeys.flatMap(key => [key, `*.${key}`]), censor: '[redacted]' }
  const settings = { level: options.level, base: null, redact, timestamp: pino.stdTimeFunctions.isoTime }
  return options.write ? pino(settings, { write: options.write }) : pino(settings)
}
