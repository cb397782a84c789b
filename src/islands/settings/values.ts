import { isTooDeep } from '../parts/depth.ts'

/** How a setting is entered. */
export type FieldKind = 'number' | 'text' | 'choice' | 'switch' | 'lines' | 'numbers' | 'mixed' | 'json'

/** What of a field decides how its text becomes a value. */
export interface FieldShape {
  kind: FieldKind
  /** Whether an empty field is the value null. */
  nullable: boolean
}

/** The text that stands for a value in its field; it is read back as the same value. */
export function textOf({ kind }: FieldShape, value: unknown): string {
  if (value === null || value === undefined) return ''
  if (kind === 'json') return JSON.stringify(value, null, 2)
  if (kind === 'lines' && Array.isArray(value)) return value.join('\n')
  if (kind === 'numbers' && Array.isArray(value)) return value.join(', ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** The value that was entered, or in a sentence why there is none. Whether it may be set is another question. */
export function readValue({ kind, nullable }: FieldShape, entered: string): { value: unknown } | { problem: string } {
  const text = entered.trim()
  if (kind === 'lines') return { value: partsOf(text, /\r?\n/) }
  if (kind === 'numbers') return numbersOf(text)
  if (text === '' && nullable) return { value: null }
  if (kind === 'number') return numberOf(text)
  if (kind === 'switch') return { value: text === 'true' }
  if (kind === 'json') return jsonOf(text)
  if (kind === 'mixed' && /^-?\d+(\.\d+)?$/.test(text)) return { value: Number(text) }
  return { value: text }
}

function numberOf(text: string): { value: number } | { problem: string } {
  if (text === '') return { problem: 'Enter a number, or reset it to its default.' }
  const value = Number(text)
  return Number.isFinite(value) ? { value } : { problem: 'This is not a number. Write it with digits, such as 2500.' }
}

function numbersOf(text: string): { value: number[] } | { problem: string } {
  const value = partsOf(text, /[\s,]+/).map(Number)
  return value.every(Number.isFinite) ? { value } : { problem: 'Enter numbers with commas between them.' }
}

function jsonOf(text: string): { value: unknown } | { problem: string } {
  try {
    const value: unknown = JSON.parse(text)
    return isTooDeep(value) ? { problem: 'This has too many brackets inside each other.' } : { value }
  } catch {
    return { problem: 'This is not valid JSON: look for a missing quote, comma or bracket.' }
  }
}

function partsOf(text: string, between: RegExp): string[] {
  return text
    .split(between)
    .map(part => part.trim())
    .filter(part => part !== '')
}
