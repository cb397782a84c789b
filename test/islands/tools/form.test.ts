import { describe, expect, test } from 'vitest'
import { curlOf, frameOf } from '../../../src/islands/tools/copies.ts'
import { type Field, formOf } from '../../../src/islands/tools/fields.ts'
import { entriesOf, readFields, readJson } from '../../../src/islands/tools/form.ts'

interface Named {
  default: { name: string; parameters: Record<string, unknown> }
}
const files = import.meta.glob<Named>(['../../../src/server/tools/*_*.ts', '../../../src/server/tools/calculate.ts'], {
  eager: true,
})

function fieldsOf(properties: object, more: object = {}): readonly Field[] {
  return formOf({ type: 'object', properties, ...more }).fields
}

function fieldOf(schema: object, more: object = {}): Field {
  const [field] = fieldsOf({ it: schema }, more)
  if (!field) throw new Error('There is no field.')
  return field
}

/** What one field says when it holds this. */
function said(schema: object, text: string | undefined, required = false): unknown {
  const { args, problems } = readFields([fieldOf(schema, required ? { required: ['it'] } : {})], () => text)
  return problems['/it'] ?? args['it']
}

describe('a form made from a schema', () => {
  test.each(Object.values(files).map(file => file.default))('can say the example of $name', tool => {
    const { parameters } = tool
    const [example] = parameters['examples'] as [Record<string, unknown>] // As defineTool makes it.
    const { fields } = formOf(parameters)
    const entries = entriesOf(fields, example)
    expect(entries).toBeDefined()
    const { args, problems } = readFields(fields, name => entries?.[name])
    expect(problems).toEqual({})
    const defaults = Object.fromEntries(fields.map(field => [field.label, field.fallback]))
    const explicit = Object.entries(example).filter(([key, value]) => defaults[key] !== value)
    expect(args).toMatchObject(Object.fromEntries(explicit))
  })

  test('has the control that fits each kind of value', () => {
    const kinds = {
      line: { type: 'string', maxLength: 100 },
      url: { type: 'string', maxLength: 8_192 },
      content: { type: 'string' },
      count: { type: 'integer' },
      share: { type: ['number', 'null'] },
      flag: { type: 'boolean', default: false },
      maybe: { type: 'boolean' },
      mode: { type: 'string', enum: ['a', 'b'] },
      tags: { type: 'array', items: { type: 'string' } },
      rows: { type: 'array', items: { type: 'object' } },
      headers: { type: 'object', additionalProperties: { type: 'string' } },
      point: { type: 'object', properties: { x: { type: 'number' }, y: { type: 'number' } } },
      id: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
      list: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
      shared: { $ref: '#/$defs/colour' },
      odd: { not: { type: 'string' } },
      loop: { $ref: '#/$defs/loop' },
    }
    const defs = { colour: { enum: ['red', 'green'] }, loop: { $ref: '#/$defs/loop' } }
    const fields = fieldsOf(kinds, { $defs: defs })
    expect(Object.fromEntries(fields.map(({ label, kind }) => [label, kind]))).toEqual({
      ...{ line: 'text', url: 'text', content: 'long', count: 'number', share: 'number', flag: 'boolean' },
      ...{ maybe: 'choice', mode: 'choice', tags: 'lines', rows: 'json', headers: 'json', point: 'group' },
      ...{ id: 'text', list: 'lines', shared: 'choice', odd: 'json', loop: 'json' },
    })
    expect(fields.find(({ label }) => label === 'point')?.fields.map(({ name }) => name)).toEqual([
      '/point/x',
      '/point/y',
    ])
  })

  test('takes a schema that says nothing, or too much, as JSON', () => {
    expect(formOf({ type: 'object' })).toEqual({ fields: [], takesArguments: true })
    expect(formOf({ type: 'object', properties: {}, additionalProperties: false })).toMatchObject({
      takesArguments: false,
    })
    const many = Object.fromEntries(Array.from({ length: 61 }, (_, at) => [`p${at}`, { type: 'string' }]))
    const { fields, takesArguments } = formOf({ type: 'object', properties: many, additionalProperties: false })
    expect([fields.length, takesArguments]).toEqual([0, true])
    expect(formOf({ properties: 'nonsense', required: 5, examples: 'none' }).fields).toEqual([])
  })

  test('bounds whole numbers as the schema means it', () => {
    expect(fieldOf({ type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 10 })).toMatchObject({ min: 1, max: 9 })
    expect(fieldOf({ type: 'integer', maximum: Number.MAX_SAFE_INTEGER })).toMatchObject({ max: undefined })
  })
})

describe('what is entered', () => {
  test.each([
    ['a text as it is', { type: 'string' }, ' a ', ' a '],
    ['line ends of the network as those of a file', { type: 'string' }, 'a\r\nb', 'a\nb'],
    ['an empty text as nothing', { type: 'string' }, '', undefined],
    ['a whole number', { type: 'integer' }, ' 17 ', 17],
    ['a fraction', { type: 'number' }, '1.5e3', 1_500],
    ['an empty number as nothing', { type: 'integer' }, ' ', undefined],
    ['a box that is ticked', { type: 'boolean', default: false }, 'on', true],
    ['a box that is as the tool has it anyway as nothing', { type: 'boolean', default: false }, undefined, undefined],
    ['a box that is unticked against the default', { type: 'boolean', default: true }, undefined, false],
    ['no where there are three answers', { type: 'boolean' }, 'false', false],
    ['a choice', { enum: [1, 'b', null] }, '1', 1],
    ['a list, without its empty lines', { type: 'array', items: { type: 'string' } }, 'a\n\n b\n', ['a', ' b']],
    ['a list of numbers', { type: 'array', items: { type: 'integer' } }, '1\n2', [1, 2]],
    ['an object', { type: 'object' }, '{"a": [1]}', { a: [1] }],
    ['what reads as a number, where either is taken', { anyOf: [{ type: 'integer' }, { type: 'string' }] }, '17', 17],
    ['a text, where either is taken', { anyOf: [{ type: 'integer' }, { type: 'string' }] }, 'a7', 'a7'],
  ])('is read: %s', (_what, schema, text, value) => {
    expect(said(schema, text)).toEqual(value)
  })

  test.each([
    ['nothing where something is needed', { type: 'string', minLength: 1 }, '', 'This is needed.'],
    ['no number where one is needed', { type: 'integer' }, '', 'This is needed.'],
    ['no choice', { enum: ['a'] }, '', 'This is needed.'],
    ['no item', { type: 'array', items: { type: 'string' }, minItems: 1 }, '\n', 'This is needed.'],
    ['too little', { type: 'string', minLength: 3 }, 'ab', 'At least 3 characters.'],
    ['too much', { type: 'string', maxLength: 1 }, 'ab', 'At most 1 character, and this has 2.'],
    ['a word for a number', { type: 'number' }, 'ten', 'This is not a number.'],
    ['a fraction for a whole number', { type: 'integer' }, '1.5', 'This has to be a whole number.'],
    ['a number beyond what can be counted', { type: 'integer' }, '1e300', 'This has to be a whole number.'],
    ['a number that is too small', { type: 'integer', minimum: 100 }, '99', 'At least 100.'],
    ['a number that is too large', { type: 'integer', maximum: 100 }, '101', 'At most 100.'],
    ['what is not on the list', { enum: ['a'] }, '"b"', 'Choose one of the list.'],
    [
      'too many items',
      { type: 'array', items: { type: 'string' }, maxItems: 1 },
      'a\nb',
      'At most 1 line, and there are 2.',
    ],
    ['a bad item', { type: 'array', items: { type: 'integer' } }, '1\nx', 'Line 2: This is not a number.'],
    ['a list for an object', { type: 'object' }, '[]', 'This has to be an object, such as {"name": "value"}.'],
    ['an object for a list', { type: 'array', items: {} }, '{}', 'This has to be a list, such as ["a", "b"].'],
    ['what is no JSON', { type: 'object' }, '{a}', expect.stringContaining('This is not JSON: ')],
  ])('is refused beside its field: %s', (_what, schema, text, problem) => {
    expect(said(schema, text, true)).toEqual(problem)
  })

  test('an empty text is said where a text is needed and may be empty', () => {
    expect(said({ type: 'string', maxLength: 10 }, '', true)).toBe('')
  })

  test('an inner object is left out while it is empty, and whole once it is not', () => {
    const inner = { type: 'object', properties: { host: { type: 'string', minLength: 1 }, port: { type: 'integer' } } }
    const fields = fieldsOf({ proxy: { ...inner, required: ['host'] } })
    expect(readFields(fields, () => '')).toEqual({ args: {}, problems: {} })
    const onlyPort = readFields(fields, name => (name === '/proxy/port' ? '80' : ''))
    expect(onlyPort.problems).toEqual({ '/proxy/host': 'This is needed.' })
    const both = readFields(fields, name => ({ '/proxy/port': '80', '/proxy/host': 'h' })[name])
    expect(both).toEqual({ args: { proxy: { host: 'h', port: 80 } }, problems: {} })
  })

  test('names that mean something to JavaScript or to a pointer are names like others', () => {
    const properties = JSON.parse(
      '{"__proto__": {"type": "string"}, "a/b~c": {"type": "string"}, "constructor": {"type": "string"}}',
    )
    const fields = fieldsOf(properties)
    expect(fields.map(({ name }) => name)).toEqual(['/__proto__', '/a~1b~0c', '/constructor'])
    const { args } = readFields(fields, name => name)
    expect(Object.entries(args)).toEqual([
      ['__proto__', '/__proto__'],
      ['a/b~c', '/a~1b~0c'],
      ['constructor', '/constructor'],
    ])
    expect(entriesOf(fields, {})).toEqual({})
  })

  test('as JSON it is an object, and an empty text is one without anything', () => {
    expect(readJson(' ')).toEqual({ args: {}, problems: {} })
    expect(readJson('{"a": 1}')).toEqual({ args: { a: 1 }, problems: {} })
    expect(readJson('[1]').problems).toEqual({ json: 'This has to be an object, such as {"name": "value"}.' })
    expect(readJson('{').problems['json']).toContain('This is not JSON')
  })

  test('arguments that the controls cannot hold are left to JSON', () => {
    const fields = fieldsOf({ tags: { type: 'array', items: { type: 'string' } }, count: { type: 'integer' } })
    expect(entriesOf(fields, { tags: ['a', 'b'], count: 1 })).toEqual({ '/tags': 'a\nb', '/count': '1' })
    expect(entriesOf(fields, { tags: ['a\nb'] })).toBeUndefined()
    expect(entriesOf(fields, { tags: 'a' })).toEqual(undefined)
    expect(entriesOf(fields, { unknown: 1 })).toBeUndefined()
    expect(entriesOf(fields, { count: 'many' })).toBeUndefined()
  })
})

describe('a call for elsewhere', () => {
  const call = { toolName: 'shell_execute', args: { command: `echo "it's" $HOME` }, sessionId: 's 1' }

  test('is a frame that the gateway takes', () => {
    expect(JSON.parse(frameOf(call))).toMatchObject({
      type: 'tools.invoke',
      payload: { toolName: 'shell_execute', args: call.args, sessionId: 's 1' },
    })
    expect(JSON.parse(frameOf({ ...call, sessionId: undefined })).payload).not.toHaveProperty('sessionId')
  })

  test('is a line for a shell, which runs nothing of it, with a place for the token', () => {
    const line = curlOf(call, 'http://127.0.0.1:1')
    expect(line).toContain("curl 'http://127.0.0.1:1/api/v1/tools/shell_execute'")
    expect(line).toContain('"Authorization: Bearer $TALON_TOKEN"')
    expect(line).toContain(`--data-raw '{"args":{"command":"echo \\"it'\\''s\\" $HOME"},"sessionId":"s 1"}'`)
  })
})
