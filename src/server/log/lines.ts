import { type Level, levelName, levels } from './levels.ts'
import { type LogLine, placeOf, type Ring } from './ring.ts'

export interface LogFilter {
  /** Lines below this level are left out. */
  level?: Level | undefined
  /** Lines are left out whose JSON does not hold this text, in whatever case. */
  text?: string | undefined
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
export function matcher({ level, text }: LogFilter): (line: LogLine) => boolean {
  const minimum = level === undefined ? 0 : levels[level]
  // As a line holds it: quotes and backslashes are escaped there.
  const part = text === undefined ? '' : JSON.stringify(text).slice(1, -1).toLowerCase()
  return line => line.level >= minimum && (part === '' || line.text.toLowerCase().includes(part))
}

/** A line as `logs.entry` carries it, in JSON: with its number, and with the name of its level. */
export function entryText({ seq, level, text }: LogLine): string {
  // A line begins with the number of its level. The two are last, because of equal keys the last counts: no field of a
  // line can take their place.
  return `{${text.slice(text.indexOf(',') + 1, -1)},"level":"${levelName(level)}","seq":${seq}}`
}
