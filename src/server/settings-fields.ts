import * as z from 'zod'
import { type SettingKey, settings } from './settings.ts'

/** How a setting is entered, as far as its schema tells. */
export interface SettingField {
  kind: 'number' | 'text' | 'choice' | 'switch' | 'lines' | 'numbers' | 'mixed' | 'json'
  /** Whether null is a value of it, which an empty field stands for. */
  nullable: boolean
  /** The values of a choice; empty for all others. */
  options: string[]
  /** What may be entered, in words; empty where the field shows it. */
  hint: string
}

/** As much of JSON Schema as zod writes for the table of settings. */
interface Json {
  type?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Json[]
  items?: Json
  minimum?: number
  maximum?: number
  maxItems?: number
}

/** The field of a setting, made from its schema. */
export function fieldOf(key: SettingKey): SettingField {
  const json = z.toJSONSchema(settings[key].schema, { io: 'input', unrepresentable: 'any' }) as Json // The subset above.
  const options = json.anyOf ?? [json]
  const nullable = options.some(({ type }) => type === 'null')
  const rest = options.filter(({ type }) => type !== 'null')
  const [first = {}] = rest
  const field = rest.length > 1 ? mixed(rest) : single(first)
  return { options: [], ...field, nullable, hint: nullable ? `${field.hint} Empty for none.`.trim() : field.hint }
}

type Part = Pick<SettingField, 'kind' | 'hint'> & { options?: string[] }

function single(json: Json): Part {
  if (json.enum) return { kind: 'choice', hint: '', options: json.enum.map(String) }
  if (json.type === 'boolean') return { kind: 'switch', hint: '' }
  if (json.type === 'integer') return { kind: 'number', hint: `Whole number${range(json)}.` }
  if (json.type === 'number') return { kind: 'number', hint: `Number${range(json)}.` }
  if (json.type === 'string') return { kind: 'text', hint: '' }
  if (json.type === 'array') return list(json)
  return { kind: 'json', hint: 'An object in JSON.' }
}

function list({ items = {}, maxItems }: Json): Part {
  const most = maxItems === undefined ? '' : `, at most ${digits(maxItems)}`
  if (items.type === 'string') return { kind: 'lines', hint: `One on each line${most}.` }
  if (items.type === 'integer') return { kind: 'numbers', hint: `Numbers with commas between them${most}.` }
  return { kind: 'json', hint: `A list in JSON${most}.` }
}

function mixed(options: Json[]): Part {
  const words = options.map(json => (json.const === undefined ? `a whole number${range(json)}` : `“${json.const}”`))
  const text = words.join(' or ')
  return { kind: 'mixed', hint: `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}.` }
}

function range({ minimum, maximum }: Json): string {
  // Every whole number has these as its bounds.
  const least = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum
  if (least !== undefined && most !== undefined) return ` from ${digits(least)} to ${digits(most)}`
  if (least !== undefined) return ` of at least ${digits(least)}`
  return most === undefined ? '' : ` of at most ${digits(most)}`
}

function digits(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 6 })
}
