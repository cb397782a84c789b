import { isTooDeep } from '../parts/depth.ts'
import type { Field } from './fields.ts'

/** What a control holds by its name; undefined where it is not there, as of a box that is not ticked. */
export type Entered = (name: string) => string | null | undefined

export interface Read {
  args: Record<string, unknown>
  /** What is wrong, by the name of the control; that of the JSON text of all arguments is `json`. */
  problems: Record<string, string>
}

/** Name of the control that holds all arguments as JSON. */
export const jsonName = 'json'

type Value = { value: unknown } | { problem: string } | undefined

/** The arguments that a form says. A field that is empty is left out where it may be. */
export function readFields(fields: readonly Field[], entered: Entered): Read {
  const read: Read = { args: {}, problems: {} }
  for (const field of fields) {
    const value =
      field.kind === 'group' ? groupOf(field, entered, read.problems) : readField(field, entered(field.name))
    if (value === undefined) continue
    if ('problem' in value) read.problems[field.name] = value.problem
    // Not by assignment, which would take "__proto__" for something else.
    else define(read.args, field.label, value.value)
  }
  return read
}

/** The arguments that a JSON text says. */
export function readJson(text: string): Read {
  const parsed = parse(text.trim() === '' ? '{}' : text, 'object')
  // An object, as just seen.
  if ('value' in parsed) return { args: parsed.value as Record<string, unknown>, problems: {} }
  return { args: {}, problems: { [jsonName]: parsed.problem } }
}

/** What the controls hold for these arguments, by name; undefined if they cannot hold all of it. */
export function entriesOf(fields: readonly Field[], args: Record<string, unknown>): Record<string, string> | undefined {
  const entries: Record<string, string> = {}
  for (const field of fields) {
    // A box that is not ticked would say no, and not nothing.
    const absent = field.kind === 'boolean' ? field.fallback : undefined
    const value = Object.hasOwn(args, field.label) ? args[field.label] : absent
    if (value === undefined) continue
    if (field.kind === 'group') {
      const inner = isRecord(value) ? entriesOf(field.fields, value) : undefined
      if (!inner) return undefined
      Object.assign(entries, inner)
    } else entries[field.name] = textOf(field, value)
  }
  const back = readFields(fields, name => entries[name])
  const isSame = (key: string) => {
    const fallback = fields.find(field => field.label === key)?.fallback
    return JSON.stringify(back.args[key] ?? fallback) === JSON.stringify(args[key])
  }
  return Object.keys(args).every(isSame) ? entries : undefined
}

function groupOf(field: Field, entered: Entered, problems: Record<string, string>): Value {
  const inner = readFields(field.fields, entered)
  const isEmpty = Object.keys(inner.args).length === 0
  if (!field.required && isEmpty && !field.fields.some(child => isFilled(child, entered))) return undefined
  Object.assign(problems, inner.problems)
  return { value: inner.args }
}

function isFilled(field: Field, entered: Entered): boolean {
  if (field.kind === 'group') return field.fields.some(child => isFilled(child, entered))
  if (field.kind === 'boolean') return (entered(field.name) === 'on') !== (field.fallback === true)
  return (entered(field.name) ?? '').trim() !== ''
}

function readField(field: Field, given: string | null | undefined): Value {
  // A form is sent with the line ends of the network.
  const text = (given ?? '').replaceAll('\r\n', '\n')
  switch (field.kind) {
    case 'boolean': {
      const value = given === 'on'
      return field.required || value !== field.fallback ? { value } : undefined
    }
    case 'text':
    case 'long':
      return ofText(field, text)
    case 'number':
      return text.trim() === '' ? missing(field) : ofNumber(field, text)
    case 'choice':
      return text === '' ? missing(field) : chosen(field, text)
    case 'lines':
      return ofLines(field, text)
    default:
      return text.trim() === '' ? missing(field) : parse(text, field.shape)
  }
}

function missing({ required }: Field): Value {
  return required ? { problem: 'This is needed.' } : undefined
}

function ofText(field: Field, text: string): Value {
  const { required, minLength = 0, maxLength = Number.POSITIVE_INFINITY, numeric } = field
  // A text that may be empty and has to be there is said by an empty field.
  if (text === '') return required && minLength === 0 && !numeric ? { value: '' } : missing(field)
  if (text.length < minLength) return { problem: `At least ${count(minLength, 'character')}.` }
  if (text.length > maxLength)
    return { problem: `At most ${count(maxLength, 'character')}, and this has ${text.length}.` }
  return { value: numeric && /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : text }
}

function ofNumber({ integer, min, max }: Field, text: string): Value {
  const value = Number(text)
  if (!Number.isFinite(value)) return { problem: 'This is not a number.' }
  if (integer && !Number.isSafeInteger(value)) return { problem: 'This has to be a whole number.' }
  if (min !== undefined && value < min) return { problem: `At least ${min}.` }
  if (max !== undefined && value > max) return { problem: `At most ${max}.` }
  return { value }
}

function chosen({ choices }: Field, text: string): Value {
  const found = choices.find(choice => JSON.stringify(choice) === text)
  return found === undefined ? { problem: 'Choose one of the list.' } : { value: found }
}

function ofLines(field: Field, text: string): Value {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = field
  const lines = text.split('\n').filter(line => line.trim() !== '')
  if (lines.length === 0 && (!field.required || minLength > 0)) return missing(field)
  if (lines.length < minLength) return { problem: `At least ${count(minLength, 'line')}.` }
  if (lines.length > maxLength)
    return { problem: `At most ${count(maxLength, 'line')}, and there are ${lines.length}.` }
  if (field.item === 'text') return { value: lines }
  const values: unknown[] = []
  for (const [at, line] of lines.entries()) {
    const value = ofNumber(field, line)
    if (value && 'problem' in value) return { problem: `Line ${at + 1}: ${value.problem}` }
    values.push(value?.value)
  }
  return { value: values }
}

function parse(text: string, shape: Field['shape']): { value: unknown } | { problem: string } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { problem: `This is not JSON: ${error instanceof Error ? error.message : 'it cannot be read'}.` }
  }
  if (isTooDeep(value)) return { problem: 'This has too many brackets inside each other.' }
  if (shape === 'array' && !Array.isArray(value)) return { problem: 'This has to be a list, such as ["a", "b"].' }
  if (shape === 'object' && !isRecord(value)) return { problem: 'This has to be an object, such as {"name": "value"}.' }
  return { value }
}

function textOf({ kind }: Field, value: unknown): string {
  if (kind === 'boolean') return value === true ? 'on' : ''
  if (kind === 'choice') return JSON.stringify(value)
  if (kind === 'lines' && Array.isArray(value)) return value.join('\n')
  if (kind === 'json') return JSON.stringify(value, null, 2)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`
}
