/** How lines are written for a person: one line each, with nothing in it that a terminal obeys. */

export interface TextOptions {
  colours: boolean
}

// More of a stack says little, and would make one line many.
const maxFrames = 3
const names: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}
const levelColours: Readonly<Record<string, number>> = {
  trace: 90,
  debug: 36,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 35,
}
const dim = 90
const plain = /^[^\s"=\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u
// A zero-width joiner holds emoji together.
const commanding = /(?!\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** A line of the log, as JSON or as `logs.entry` has it, for a person: time, level, message, fields. */
export function textLine(entry: Readonly<Record<string, unknown>>, { colours }: TextOptions): string {
  const { level, time, msg, seq: _seq, ...fields } = entry
  const paint = (text: string, colour: number) => (colours ? `\u001b[${colour}m${text}\u001b[39m` : text)
  const name = typeof level === 'number' ? (names[level] ?? String(level)) : printed(String(level))
  const label = paint(name.toUpperCase().padEnd(5), levelColours[name] ?? dim)
  const rest = Object.entries(fields).flatMap(([key, value]) => fieldsOf(key, value))
  const told = rest.map(([key, value]) => ` ${paint(`${printed(key)}=`, dim)}${value}`)
  return `${paint(localTime(time), dim)} ${label} ${printed(String(msg ?? ''))}${told.length > 0 ? ' ' : ''}${told.join('')}`
}

/** The same for programs, and safe on a terminal too: JSON itself leaves some characters as they are that one obeys. */
export function jsonLine(entry: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(entry).replace(commanding, character => {
    // One beyond the first plane is two units, each with its escape.
    const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    return units.map(unit => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
  })
}

/** Text of someone else on one line: what could command a terminal is shown as its escape. */
function printed(text: string): string {
  return text.replace(commanding, character => {
    const code = character.codePointAt(0) ?? 0
    const hex = code.toString(16)
    return shortEscapes[character] ?? (code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`)
  })
}

function fieldsOf(key: string, value: unknown): [string, string][] {
  if (value === undefined) return []
  if (!isError(value)) return [[key, shown(value)]]
  const { type, message, code, stack, cause } = value
  const told = [code, type].find(part => typeof part === 'string' && part !== 'Error')
  const said = told === undefined ? String(message) : `${told}: ${message}`
  const place = placeOf(stack)
  const from = isError(cause) ? fieldsOf(`${key}.cause`, { ...cause, stack: undefined }) : []
  return [[key, shown(said)], ...(place === '' ? [] : ([['at', shown(place)]] as [string, string][])), ...from]
}

function shown(value: unknown): string {
  if (typeof value === 'string') return plain.test(value) ? value : `"${printed(value).replaceAll('"', '\\"')}"`
  if (typeof value !== 'object' || value === null) return String(value)
  return printed(JSON.stringify(value))
}

interface ErrorFields {
  message: unknown
  type?: unknown
  code?: unknown
  stack?: unknown
  cause?: unknown
}

function isError(value: unknown): value is ErrorFields {
  return typeof value === 'object' && value !== null && 'message' in value && ('stack' in value || 'type' in value)
}

function placeOf(stack: unknown): string {
  if (typeof stack !== 'string') return ''
  const frames = [...stack.matchAll(/^ +at (.+)$/gm)].map(([, frame = '']) => frame)
  return frames.slice(0, maxFrames).join(' < ')
}

/** Local time with milliseconds; what is no time is shown as it is. */
function localTime(time: unknown): string {
  const at = new Date(String(time))
  if (Number.isNaN(at.getTime())) return printed(String(time))
  const two = (part: number) => String(part).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const ms = String(at.getMilliseconds()).padStart(3, '0')
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`
}
