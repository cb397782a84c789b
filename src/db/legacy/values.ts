export type Json = Record<string, unknown>

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text that says something. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** What a value is, by the words of JSON. */
export function typeOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

// What a JavaScript date can be.
const maxTimeMs = 8.64e15

/** Unix milliseconds of a number, or of a text that is one or is a date. */
export function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' ? timeOfText(value) : value
  if (typeof time !== 'number' || !Number.isFinite(time) || Math.abs(time) > maxTimeMs) return undefined
  return Math.round(time)
}

function timeOfText(text: string): number {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text)
}

/** The record, or undefined if there is nothing in it. */
export function unlessEmpty(record: Json): Json | undefined {
  for (const _key in record) return record
  return undefined
}
