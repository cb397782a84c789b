import { pino } from 'pino'
import type { Config } from './config.ts'
import { describeError } from './log/describe-error.ts'
import { type Level, levelName, levels, minimumOf } from './log/levels.ts'
import { type LogPage, type LogQuery, readLines } from './log/lines.ts'
import { createRedactor } from './log/redact.ts'
import { createRing, type Ring } from './log/ring.ts'
import { maxLineChars, shorten } from './log/shorten.ts'

/** Writes one line: a sentence, and the fields that go with it. An error goes into the field `err`. */
interface WriteLine {
  (message: string): void
  (fields: object, message: string): void
}

/** The log. What `child` makes puts its fields into each of its lines: the ids of what it works on. */
export interface Log extends Record<Level, WriteLine> {
  /** Whether lines of this level are written now, where to make one costs something. */
  isOn(level: Level): boolean
  child(fields: Record<string, unknown>): Log
}

/** The log of a gateway, with what only its start, its end and its settings use. */
export interface GatewayLog extends Log {
  /** The newest lines. */
  ring: Ring
  read(query: LogQuery): LogPage
  /** Changes what is logged from the next line on, by every child too. */
  setLevel(level: Config['log.level']): void
  /** JSON without the secrets that lines are kept clean of; JSON still. */
  clean(json: string): string
  /** Keeps these values out of every line from now on. */
  hide(secrets: Iterable<string | undefined>): void
  stats(): LogStats
  /** Resolves when all lines are written. Later ones reach the ring only. */
  close(): Promise<void>
}

export interface LogStats {
  /** Lines since the start, by the name of their level. */
  lines: Record<Level, number>
  /** Lines that standard output or the file did not take in time. */
  lost: number
}

export interface LogOptions {
  level: Config['log.level']
  /** Takes each finished line, with its line feed. */
  write: (line: string) => void
  close?: (() => Promise<void>) | undefined
  /** Lines that `write` lost since the start. */
  lost?: (() => number) | undefined
}

/**
 * Opens a log. A line is cleaned of secrets and of invisible characters, and cut if it is very long, before anything
 * keeps it.
 */
export function openLog({ level, write, close, lost }: LogOptions): GatewayLog {
  const ring = createRing()
  const redactor = createRedactor()
  const lines = { trace: 0, debug: 0, info: 0, warn: 0, error: 0, fatal: 0 }
  const take = (line: string) => {
    // Before it is cut: half of a secret would not be found.
    const clean = redactor.clean(line.trimEnd())
    const text = clean.length > maxLineChars ? shorten(clean) : clean
    const number = levelOf(text)
    lines[levelName(number)] += 1
    ring.push(number, text)
    write(`${text}\n`)
  }
  const shared: Shared = { minimum: minimumOf(level), pino: lineMaker(take) }
  return Object.assign(new FieldLog(shared, {}), {
    ring,
    read: (query: LogQuery) => readLines(ring, query),
    setLevel(changed: Config['log.level']) {
      shared.minimum = minimumOf(changed)
    },
    clean: redactor.clean,
    hide: redactor.hide,
    stats: () => ({ lines: { ...lines }, lost: lost?.() ?? 0 }),
    close: async () => close?.(),
  })
}

/** The same record with a log that puts these ids into each of its lines. */
export function withIds<Holder extends { log: Log }>(holder: Holder, ids: Record<string, unknown>): Holder {
  // By its prototype, because some of the record is known later, and a copy would never hear of it. The type is that of
  // the prototype.
  return Object.create(holder, { log: { value: holder.log.child(ids), enumerable: true } }) as Holder
}

/** What a log and all its children have in common. */
interface Shared {
  minimum: number
  pino: pino.Logger
}

/** pino makes each line that it is given: which are, is decided before, so that a level changes for all children at once. */
function lineMaker(write: (line: string) => void): pino.Logger {
  const timestamp = pino.stdTimeFunctions.isoTime
  return pino({ level: 'trace', base: null, timestamp, serializers: { err: describeError } }, { write })
}

class FieldLog implements Log {
  readonly #shared: Shared
  readonly #fields: Record<string, unknown>

  constructor(shared: Shared, fields: Record<string, unknown>) {
    this.#shared = shared
    this.#fields = fields
  }

  trace(first: object | string, message = ''): void {
    this.#write('trace', first, message)
  }

  debug(first: object | string, message = ''): void {
    this.#write('debug', first, message)
  }

  info(first: object | string, message = ''): void {
    this.#write('info', first, message)
  }

  warn(first: object | string, message = ''): void {
    this.#write('warn', first, message)
  }

  error(first: object | string, message = ''): void {
    this.#write('error', first, message)
  }

  fatal(first: object | string, message = ''): void {
    this.#write('fatal', first, message)
  }

  isOn(level: Level): boolean {
    return levels[level] >= this.#shared.minimum
  }

  child(fields: Record<string, unknown>): Log {
    return new FieldLog(this.#shared, { ...this.#fields, ...fields })
  }

  #write(level: Level, first: object | string, message: string): void {
    const { minimum, pino } = this.#shared
    if (levels[level] < minimum) return
    if (typeof first === 'string') return pino[level](this.#fields, first)
    try {
      pino[level]({ ...this.#fields, ...first }, message)
    } catch {
      // A field that throws when it is read must not end the work that tells of it.
      pino[level]({ ...this.#fields, unreadable: Object.keys(first) }, message)
    }
  }
}

/** pino begins each line with `{"level":30,`. */
function levelOf(line: string): number {
  return Number(line.slice(9, line.indexOf(',', 9)))
}
