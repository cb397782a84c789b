import { type Level, levelName, levels } from './levels.ts'
import { type LogLine, placeOf, type Ring } from './ring.ts'

export interface LogFilter {
  /** Lines below this level are left out. */
  level?: Level | undefined
  /** Lines are left out whose JSON does not hold this text, in whatever case. */
  text?: string | undefined
  /** As `name=value`: lines are left out that have no such field, at whatever depth. */
  field?: string | undefined
}

export interface LogQuery extends LogFilter {
  /** Lines after this number, the oldest first; without it the newest lines. */
  after?: number | undefined
  limit: number
}

export interface LogPage {
  /** Each as `logs.entry` has it, in JSON, in the order in which they were logged. */
  entries: string[]
  /** Number of the newest line that was looked at: what to ask for next. */
  after: number
  /** Lines after the `after` that was asked for which are not kept any more, whatever was in them. */
  dropped: number
}

/** A page of the lines that are kept. */
export function readLines(ring: Ring, { after, limit, ...filter }: LogQuery): LogPage {
  const matches = matcher(filter)
  const entries: string[] = []
  if (after === undefined) {
    for (let line = ring.at(ring.newest()); line && entries.length < limit; line = ring.at(line.seq - 1)) {
      if (matches(line)) entries.unshift(entryText(line))
    }
    return { entries, after: ring.newest(), dropped: 0 }
  }
  const asked = placeOf(ring, after)
  const from = Math.max(asked, ring.oldest() - 1)
  let at = from
  for (let line = ring.at(at + 1); line && entries.length < limit; line = ring.at(at + 1)) {
    at = line.seq
    if (matches(line)) entries.push(entryText(line))
  }
  return { entries, after: at, dropped: from - asked }
}

/** Tells which lines somebody wants to see. */
export function matcher({ level, text, field }: LogFilter): (line: LogLine) => boolean {
  const minimum = level === undefined ? 0 : levels[level]
  // As a line holds it: quotes and backslashes are escaped there.
  const part = text === undefined ? '' : JSON.stringify(text).slice(1, -1).toLowerCase()
  const hasField = field === undefined ? undefined : fieldMatcher(field)
  return line =>
    line.level >= minimum &&
    (part === '' || line.text.toLowerCase().includes(part)) &&
    (hasField === undefined || hasField(line.text))
}

/** Looks for the field in the text of the line: to read each as JSON would cost more than all else that is done with it. */
function fieldMatcher(field: string): (text: string) => boolean {
  const at = field.indexOf('=')
  const name = JSON.stringify(field.slice(0, at))
  const value = field.slice(at + 1)
  // What is no text stands bare, and ends where the next field or the object does.
  const parts = [`${name}:${JSON.stringify(value)}`, `${name}:${value},`, `${name}:${value}}`]
  return text => parts.some(part => text.includes(part))
}

/** A line as `logs.entry` carries it, in JSON: with its number, and with the name of its level. */
export function entryText({ seq, level, text }: LogLine): string {
  // A line begins with the number of its level. The two are last, because of equal keys the last counts: no field of a
  // line can take their place.
  return `{${text.slice(text.indexOf(',') + 1, -1)},"level":"${levelName(level)}","seq":${seq}}`
}
