import * as z from 'zod'
import {
  messageSchema,
  runSchema,
  sessionItemSchema,
  sessionSchema,
  toolCallSchema,
  toolSchema,
  usageSchema,
} from '../../src/protocol/shapes.ts'

/** Shapes that many payloads hold: each is described once, and linked to. */
export const shapes: Readonly<Record<string, z.ZodType>> = {
  Message: messageSchema,
  Run: runSchema,
  Session: sessionSchema,
  SessionItem: sessionItemSchema,
  Tool: toolSchema,
  ToolCall: toolCallSchema,
  Usage: usageSchema,
}

/** As much of JSON Schema as zod writes for our tables. */
interface Json {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Json[]
  properties?: Record<string, Json>
  required?: string[]
  items?: Json
  default?: unknown
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
}

export interface Field {
  name: string
  type: string
  required: boolean
  bounds: string
  default: string
}

const names = z.registry<{ id: string }>()
for (const [id, schema] of Object.entries(shapes)) names.add(schema, { id })
const noNames = z.registry<{ id: string }>()

/**
 * The fields of an object schema, those of nested objects with their path (`client.name`, `resume[].epoch`).
 * @param io `input` for what a client writes, `output` for what it gets
 */
export function fieldsOf(schema: z.ZodType, io: 'input' | 'output'): Field[] {
  return walk(toJson(schema, io, names), '')
}

/** The fields of one of the shared shapes. */
export function shapeFields(name: string): Field[] {
  const schema = shapes[name]
  if (!schema) throw new Error(`There is no shape ${name}.`)
  // A shape must not be a link to itself; what it holds may be a link.
  const inner = z.registry<{ id: string }>()
  for (const [id, other] of Object.entries(shapes)) if (id !== name) inner.add(other, { id })
  return walk(toJson(schema, 'output', inner), '')
}

/** The type and the bounds of a schema that is no object of fields, such as a setting. */
export function describe(schema: z.ZodType): { type: string; bounds: string } {
  const json = toJson(schema, 'input', noNames)
  return { type: typeOf(json), bounds: boundsOf(json) }
}

function toJson(schema: z.ZodType, io: 'input' | 'output', metadata: z.core.$ZodRegistry<{ id: string }>): Json {
  return z.toJSONSchema(schema, { io, metadata, unrepresentable: 'any' }) as Json // The subset named above.
}

function walk(json: Json, prefix: string): Field[] {
  return Object.entries(json.properties ?? {}).flatMap(([key, value]) => {
    const name = `${prefix}${key}`
    const field: Field = {
      name,
      type: typeOf(value),
      required: json.required?.includes(key) ?? false,
      bounds: boundsOf(value),
      default: value.default === undefined ? '' : JSON.stringify(value.default),
    }
    const inner = value.anyOf?.find(option => option.properties) ?? value
    return [field, ...walk(inner, `${name}.`), ...walk(inner.items ?? {}, `${name}[].`)]
  })
}

function typeOf(json: Json): string {
  if (json.$ref !== undefined) {
    const name = json.$ref.split('/').at(-1) ?? ''
    return `[${name}](#${name.toLowerCase()})`
  }
  if (json.enum) return json.enum.map(value => `\`${JSON.stringify(value)}\``).join(' or ')
  if (json.anyOf) return [...new Set(json.anyOf.map(typeOf))].join(' or ')
  if (json.type === 'array') {
    const item = typeOf(json.items ?? {})
    return `list of ${item.includes(' or ') ? `(${item})` : item}`
  }
  if (json.type === undefined) return 'any JSON'
  return [json.type].flat().join(' or ')
}

function boundsOf(json: Json): string {
  const inner = json.anyOf?.find(option => option.type !== 'null') ?? json
  const bounds = [
    range(inner.minLength, inner.maxLength, ' character', ' characters'),
    range(inner.minItems, inner.maxItems, ' entry', ' entries'),
    range(inner.minimum, inner.maximum, '', ''),
    inner.items ? boundsOf(inner.items).replace(/.+/, text => `each ${text}`) : '',
  ]
  return bounds.filter(text => text !== '').join(', ')
}

function range(from: number | undefined, to: number | undefined, one: string, many: string): string {
  // Every whole number has these as its bounds.
  const least = from === undefined || from === Number.MIN_SAFE_INTEGER ? undefined : from
  const most = to === undefined || to === Number.MAX_SAFE_INTEGER ? undefined : to
  const digits = (value: number) => value.toLocaleString('en-US').replaceAll(',', ' ')
  const counted = (value: number) => `${digits(value)}${value === 1 ? one : many}`
  if (least === undefined && most === undefined) return ''
  if (most === undefined) return `at least ${counted(least ?? 0)}`
  if (least === undefined || (least === 0 && many !== '')) return `at most ${counted(most)}`
  return `${digits(least)}–${counted(most)}`
}
