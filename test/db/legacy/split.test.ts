import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mend } from '../../../src/db/legacy/mend.ts'
import { createSplitter, type Ending, type Part } from '../../../src/db/legacy/split.ts'

/** Splits a text that comes in chunks of this size. */
function split(text: string | Buffer, chunkBytes: number): { parts: string[]; ending: Ending } {
  const bytes = Buffer.from(text)
  const splitter = createSplitter()
  const parts: Part[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes)
    parts.push(...splitter.push(bytes.subarray(at, at + chunkBytes)))
  return { parts: parts.map(shown), ending: splitter.end() }
}

function shown(part: Part): string {
  if (part.kind === 'too large') return part.kind
  return part.kind === 'member' ? `${part.key}=${part.bytes}` : `[${part.bytes}]`
}

test('a session is split into its members and messages, however its bytes arrive', () => {
  const text = `\ufeff { "id" : "a\\"}" ,"messages": [ {"x":"]}\\\\"} , 1,"s" , [[]] ,null],"n":-1.5e3 , "o" : {"messages":[1]},"messages2":[1, 2]} \n`
  const parts = ['id="a\\"}"', '[{"x":"]}\\\\"}]', '[1]', '["s"]', '[[[]]]', '[null]', 'n=-1.5e3', 'o={"messages":[1]}']
  for (let size = 1; size < 40; size++) {
    expect(split(text, size)).toEqual({ parts: [...parts, 'messages2=[1, 2]'], ending: { kind: 'whole' } })
  }
})

test('any object comes apart as JSON reads it', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.array(fc.jsonValue()),
      fc.integer({ min: 1, max: 50 }),
      fc.constantFrom(undefined, 2),
      (members, messages, size, indent) => {
        const value = { ...members, messages }
        const bytes = Buffer.from(JSON.stringify(value, null, indent))
        const splitter = createSplitter()
        const parts: Part[] = []
        for (let at = 0; at < bytes.length; at += size) parts.push(...splitter.push(bytes.subarray(at, at + size)))
        const found = parts.map(part => [
          part.kind === 'member' ? part.key : part.kind,
          part.kind === 'too large' ? undefined : JSON.parse(part.bytes.toString()),
        ])
        const expected = Object.entries(JSON.parse(bytes.toString())).flatMap(([key, member]) =>
          key === 'messages' ? messages.map(each => ['message', JSON.parse(JSON.stringify(each))]) : [[key, member]],
        )
        expect(found).toEqual(expected)
        expect(splitter.end().kind).toBe('whole')
      },
    ),
    { seed: 1, numRuns: 300 },
  )
})

test('whatever bytes come, it ends, and gives no more than there was', () => {
  const alphabet = fc.constantFrom(...'{}[],:" \\ab1n')
  fc.assert(
    fc.property(fc.string({ unit: alphabet, maxLength: 80 }), fc.integer({ min: 1, max: 9 }), (text, size) => {
      const { parts } = split(text, size)
      expect(parts.join('').length).toBeLessThanOrEqual(3 * text.length)
    }),
    { seed: 2, numRuns: 2_000 },
  )
})

test('of a text that ends in the middle it says in which part', () => {
  expect(split('{"id":"a","messages":[{"a":1},{"b":"c', 5)).toMatchObject({
    parts: ['id="a"', '[{"a":1}]'],
    ending: { kind: 'cut', part: { kind: 'message', bytes: Buffer.from('{"b":"c') } },
  })
  expect(split('{"id":"a","mess', 5).ending).toEqual({ kind: 'cut', part: undefined })
  expect(split('{"id":"a', 5).ending).toMatchObject({ part: { kind: 'member', key: 'id' } })
  expect(split('{"messages":[1,2', 5).ending).toMatchObject({ part: { kind: 'message', bytes: Buffer.from('2') } })
})

test('what is no object, and what follows one, is told', () => {
  for (const text of ['', ' ', '[1]', 'null', 'SQLite format 3'])
    expect(split(text, 4).ending.kind).toBe('not an object')
  expect(split('{"a":1} x', 4).ending).toEqual({ kind: 'more', atByte: 8 })
})

test('JSON that ends anywhere is mended to what was whole in it, and texts to their beginning', () => {
  expect(mend('{"role":"user","content":"cut off m')).toEqual({ role: 'user', content: 'cut off m' })
  expect(mend('{"a":1,"b":{"c":[1,2')).toEqual({ a: 1, b: { c: [1] } })
  expect(mend('{"a":"x","b"')).toEqual({ a: 'x' })
  expect(mend('{"a":"x\\u00')).toEqual({ a: 'x' })
  expect(mend('{"a":"x\\\\')).toEqual({ a: 'x\\' })
  expect(mend('{')).toEqual({})
  expect(mend('nul')).toBeUndefined()
})

test('every beginning of any JSON is mended to something that JSON can be', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (value, share) => {
        const text = JSON.stringify(value)
        const cut = text.slice(0, Math.max(1, Math.floor(text.length * share)))
        expect(mend(cut)).toBeTypeOf('object')
      },
    ),
    { seed: 3, numRuns: 1_000 },
  )
})
