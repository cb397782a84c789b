type Schema = Record<string, unknown>

/** One control of a form for the arguments of a tool, made from their JSON Schema. */
export interface Field {
  /** JSON Pointer of the value in the arguments; the control's name. */
  name: string
  label: string
  help: string | undefined
  /** `long` has several lines, `lines` is a list with an item each, `choice` sends JSON, `json` is whatever has no control. */
  kind: 'text' | 'long' | 'number' | 'boolean' | 'choice' | 'lines' | 'json' | 'group'
  required: boolean
  /** What the tool takes where nothing is said; undefined if it says none. */
  fallback: unknown
  /** A value that works, for a field that is empty. */
  example: unknown
  /** Of numbers, and of the items of `lines` that are such. */
  integer: boolean
  min: number | undefined
  max: number | undefined
  /** Of texts in characters, of `lines` in items. */
  minLength: number | undefined
  maxLength: number | undefined
  /** Whether a text that reads as a number is one; so `17` can be an id and `"17"` need not be written. */
  numeric: boolean
  choices: readonly unknown[]
  /** What JSON has to be. */
  shape: 'object' | 'array' | undefined
  /** What an item of `lines` is. */
  item: 'text' | 'number'
  fields: readonly Field[]
}

export interface Form {
  fields: readonly Field[]
  /** Whether there is anything to say at all. False for a tool without arguments. */
  takesArguments: boolean
}

// Deeper, or more, is easier to write as JSON than to click.
const maxDepth = 3
const maxFields = 60
const maxChoices = 200
// A text of more characters has several lines, unless it is named like what has one.
const maxLineChars = 1_000
const lineNames = /^(url|path|cwd|from|to|file|folder|selector)$|(Url|Path|_url|_path)$/

/** The fields for a schema. What no control can express is a field for JSON, so that nothing that the tool takes is left out. */
export function formOf(schema: Schema): Form {
  const examples = Array.isArray(schema['examples']) ? schema['examples'] : []
  const root: Place = { name: '', depth: 0, definitions: definitionsOf(schema), required: true }
  const fields = fieldsOf(schema, { ...root, example: examples[0] })
  const isOpen = schema['additionalProperties'] !== false
  return { fields: fields.length > maxFields ? [] : fields, takesArguments: fields.length > 0 || isOpen }
}

interface Place {
  name: string
  depth: number
  definitions: Schema
  required: boolean
  example?: unknown
}

function definitionsOf(schema: Schema): Schema {
  return { ...recordOf(schema['definitions']), ...recordOf(schema['$defs']) }
}

function fieldsOf(schema: Schema, place: Place): Field[] {
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  return Object.entries(recordOf(schema['properties'])).map(([key, value]) =>
    fieldOf(recordOf(value), key, {
      name: `${place.name}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      depth: place.depth + 1,
      definitions: place.definitions,
      required: required.includes(key),
      example: recordOf(place.example)[key],
    }),
  )
}

function fieldOf(given: Schema, label: string, place: Place): Field {
  const schema = simplified(given, place.definitions)
  const base: Field = {
    name: place.name,
    label,
    help: textOf(given['description']) ?? textOf(schema['description']),
    kind: 'json',
    required: place.required,
    fallback: given['default'] ?? schema['default'],
    example: place.example,
    integer: schema['type'] === 'integer',
    min: lowest(schema),
    max: highest(schema),
    // No path and no address is empty, whether the schema says so or not.
    minLength: numberOf(schema['minLength']) ?? (place.required && lineNames.test(label) ? 1 : undefined),
    maxLength: numberOf(schema['maxLength']),
    numeric: schema['numeric'] === true,
    choices: choicesOf(schema) ?? [],
    shape: undefined,
    item: 'text',
    fields: [],
  }
  return { ...base, ...controlOf(schema, base, place) }
}

/** The kind of control, and what only that has. */
function controlOf(schema: Schema, base: Field, place: Place): Partial<Field> {
  if (base.choices.length > 0 && base.choices.length <= maxChoices) return { kind: 'choice' }
  switch (schema['type']) {
    case 'string':
      return { kind: isLong(base) ? 'long' : 'text' }
    case 'integer':
    case 'number':
      return { kind: 'number' }
    case 'boolean':
      // A box that is empty says no; where that is not the same as saying nothing, there are three answers.
      return base.required || typeof base.fallback === 'boolean'
        ? { kind: 'boolean' }
        : { kind: 'choice', choices: [true, false] }
    case 'array':
      return { shape: 'array', ...listOf(recordOf(schema['items']), schema, place) }
    case 'object': {
      const fields = place.depth < maxDepth ? fieldsOf(schema, place) : []
      return fields.length > 0 ? { kind: 'group', fields } : { kind: 'json', shape: 'object' }
    }
    default:
      return {}
  }
}

function listOf(items: Schema, schema: Schema, place: Place): Partial<Field> {
  const item = simplified(items, place.definitions)
  const bounds = { minLength: numberOf(schema['minItems']), maxLength: numberOf(schema['maxItems']) }
  const type = item['type']
  if (choicesOf(item) || (type !== 'string' && type !== 'integer' && type !== 'number'))
    return { kind: 'json', ...bounds }
  const isNumber = type !== 'string'
  const range = { integer: type === 'integer', min: lowest(item), max: highest(item) }
  return { kind: 'lines', ...bounds, ...range, item: isNumber ? 'number' : 'text' }
}

function isLong({ label, maxLength, minLength, numeric, example }: Field): boolean {
  if (numeric) return false
  if (typeof example === 'string' && example.includes('\n')) return true
  if (lineNames.test(label)) return false
  return maxLength === undefined ? minLength === undefined : maxLength > maxLineChars
}

/** The schema without references, without `null`, and of several alternatives the one that a control fits. */
function simplified(schema: Schema, definitions: Schema, depth = 0): Schema {
  if (depth > maxDepth) return {}
  const reference = textOf(schema['$ref'])
  if (reference !== undefined) {
    const name = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(reference)?.[1] ?? ''
    const found = Object.hasOwn(definitions, name) ? recordOf(definitions[name]) : {}
    return simplified(found, definitions, depth + 1)
  }
  const types = Array.isArray(schema['type']) ? schema['type'].filter(type => type !== 'null') : undefined
  if (types) return types.length === 1 ? { ...schema, type: types[0] } : {}
  const alternatives = schema['anyOf'] ?? schema['oneOf']
  if (!Array.isArray(alternatives)) return schema
  const parts = alternatives
    .map(part => simplified(recordOf(part), definitions, depth + 1))
    .filter(part => part['type'] !== 'null')
  return { ...schema, ...together(parts) }
}

/** One schema for alternatives: what a person would rather fill in, of which the tool takes each. */
function together(parts: readonly Schema[]): Schema {
  const ofType = (...types: string[]) => parts.filter(part => types.includes(String(part['type'])))
  const [texts, numbers] = [ofType('string'), ofType('integer', 'number')]
  const list = ofType('array')[0] ?? ofType('object')[0]
  if (list) return list
  const lengths = texts.map(text => numberOf(text['maxLength']) ?? (text['const'] === undefined ? Infinity : 0))
  const maxLength = Math.max(...lengths)
  const text = { type: 'string', ...(Number.isFinite(maxLength) && { maxLength }) }
  if (texts.length === parts.length && texts.some(part => !choicesOf(part))) return text
  if (texts.length > 0 && numbers.length > 0 && texts.length + numbers.length === parts.length) {
    return { ...text, numeric: true }
  }
  const choices = parts.map(choicesOf)
  if (parts.length > 0 && choices.every(Boolean)) return { enum: choices.flatMap(values => values ?? []) }
  return parts.length === 1 ? (parts[0] ?? {}) : {}
}

function choicesOf(schema: Schema): readonly unknown[] | undefined {
  const isScalar = (value: unknown) => typeof value !== 'object' || value === null
  if (Array.isArray(schema['enum']) && schema['enum'].every(isScalar)) return schema['enum']
  return 'const' in schema && isScalar(schema['const']) ? [schema['const']] : undefined
}

/** Whole numbers have the next one as their bound; fractions keep it, and the tool itself refuses the bound. */
function lowest(schema: Schema): number | undefined {
  const above = numberOf(schema['exclusiveMinimum'])
  const step = schema['type'] === 'integer' ? 1 : 0
  return numberOf(schema['minimum']) ?? (above === undefined ? undefined : above + step)
}

function highest(schema: Schema): number | undefined {
  const below = numberOf(schema['exclusiveMaximum'])
  const step = schema['type'] === 'integer' ? 1 : 0
  const bound = numberOf(schema['maximum']) ?? (below === undefined ? undefined : below - step)
  // What JSON cannot count beyond is no bound that anybody set.
  return bound === Number.MAX_SAFE_INTEGER ? undefined : bound
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function recordOf(value: unknown): Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Schema) : {} // As just seen.
}
