import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type JsonPart, type JsonPath, jsonParts } from '../../src/server/json-parts.ts'

const seed = 20_261_123

/** Objects and lists of the first two levels are opened. */
const opens = (path: JsonPath) => path.length < 2

type Placed = Omit<JsonPart, 'bytes'>

async function read(text: string, size: number, maxBytes = 1e6): Promise<Placed[]> {
  return (await readWhole(text, size, maxBytes)).map(({ path, value }) => ({ path, value }))
}

async function readWhole(text: string, size: number, maxBytes = 1e6): Promise<JsonPart[]> {
  const bytes = Buffer.from(text)
  async function* chunks() {
    for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
  }
  const parts: JsonPart[] = []
  for await (const some of jsonParts(chunks(), { opens, maxBytes })) parts.push(...some)
  return parts
}

/** The same, of a document in memory. */
function partsOf(value: unknown, path: (string | number)[] = []): Placed[] {
  if (typeof value !== 'object' || value === null || !opens(path)) return [{ path, value }]
  if (Array.isArray(value)) return value.flatMap((each, index) => partsOf(each, [...path, index]))
  return Object.entries(value).flatMap(([key, each]) => partsOf(each, [...path, key]))
}

const key = fc.string({ unit: 'grapheme', maxLength: 6 }).filter(text => text !== '__proto__')
const document = fc.dictionary(key, fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.dictionary(key, fc.jsonValue())), {
  maxKeys: 5,
})
const indent = fc.constantFrom(undefined, 1, '\t', ' \n')
const chunk = fc.integer({ min: 1, max: 30 })

test('the parts of a document are what JSON.parse reads, in chunks of any size and with any white space', async () => {
  await fc.assert(
    fc.asyncProperty(document, indent, chunk, async (document, indent, size) => {
      const text = JSON.stringify(document, null, indent)
      expect(await read(text, size)).toEqual(partsOf(JSON.parse(text)))
    }),
    { seed, numRuns: 500 },
  )
})

test('a document is refused exactly where JSON.parse refuses it', async () => {
  const change = fc.record({
    at: fc.nat(),
    remove: fc.nat(2),
    insert: fc.constantFrom('', ',', ':', '{', '}', '[', ']', '"', '\\', '1', '-', 'null', ' ', 'é'),
  })
  await fc.assert(
    fc.asyncProperty(
      document,
      indent,
      chunk,
      fc.array(change, { minLength: 1, maxLength: 2 }),
      async (document, indent, size, changes) => {
        let text = JSON.stringify(document, null, indent)
        for (const { at, remove, insert } of changes) {
          const from = at % (text.length + 1)
          text = text.slice(0, from) + insert + text.slice(from + remove)
        }
        expect(
          await read(text, size).then(
            () => true,
            error => error.code,
          ),
        ).toBe(isObject(text) || 'INVALID_MESSAGE')
      },
    ),
    { seed, numRuns: 2_000 },
  )
})

function isObject(text: string): boolean {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

test('a part that is too large is refused with its bound, one of that size is not', async () => {
  const text = JSON.stringify({ a: [1], b: ['x'.repeat(98)], c: 1 })
  expect(await read(text, 7, 100)).toHaveLength(3)
  await expect(read(text, 7, 99)).rejects.toMatchObject({
    code: 'TOO_LARGE',
    message: expect.stringContaining('99 bytes'),
  })
})

test('each part says how many bytes stand for it', async () => {
  const parts = await readWhole('{"a": [ "é" , {"x" : 1} ], "b":12}', 5)
  expect(parts.map(({ bytes }) => bytes)).toEqual([4, 9, 2])
})

test('a byte order mark is no part of a document, but only at its beginning', async () => {
  expect(await read('\uFEFF{"a":1}', 1)).toEqual([{ path: ['a'], value: 1 }])
  await expect(read('{\uFEFF"a":1}', 3)).rejects.toMatchObject({ code: 'INVALID_MESSAGE' })
})

test('what is nested too deep to be read by anybody is refused before it is read', async () => {
  const nested = (levels: number) => `{"a":{"b":${'['.repeat(levels)}${']'.repeat(levels)}}}`
  expect(await read(nested(200), 50)).toHaveLength(1)
  await expect(read(nested(201), 50)).rejects.toMatchObject({
    code: 'INVALID_MESSAGE',
    message: expect.stringContaining('200'),
  })
})
