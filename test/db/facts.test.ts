import { describe, expect, test } from 'vitest'
import { type Facts, merge } from '../../src/db/facts.ts'

const cases: [what: string, facts: Facts, patch: Facts, merged: Facts, changed: string[]][] = [
  ['a new key', {}, { a: 1 }, { a: 1 }, ['a']],
  ['a key inside of another', { a: { b: 1 } }, { a: { c: 2 } }, { a: { b: 1, c: 2 } }, ['a.c']],
  ['a value in place of another', { a: 1 }, { a: 2 }, { a: 2 }, ['a']],
  ['the same value', { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, []],
  ['null for a key', { a: 1, b: 2 }, { a: null }, { b: 2 }, ['a']],
  ['null for a key that is not there', { b: 2 }, { a: null, c: { d: null } }, { b: 2 }, []],
  ['null inside', { a: { b: 1, c: 2 } }, { a: { b: null } }, { a: { c: 2 } }, ['a.b']],
  ['an array, which is replaced whole', { a: [1, 2] }, { a: [3] }, { a: [3] }, ['a']],
  ['an object in place of a value', { a: 1 }, { a: { b: 2, c: null } }, { a: { b: 2 } }, ['a']],
  ['a value in place of an object', { a: { b: 1 } }, { a: false }, { a: false }, ['a']],
  ['an empty object', {}, { a: {} }, { a: {} }, ['a']],
  ['an object of objects', {}, { a: { b: { c: 1 } } }, { a: { b: { c: 1 } } }, ['a.b.c']],
  ['null in an array, which is a value', {}, { a: [null] }, { a: [null] }, ['a']],
]

describe('a merge of facts', () => {
  test.each(cases)('%s', (_what, facts, patch, merged, changed) => {
    const before = JSON.stringify([facts, patch])
    const result = merge(facts, patch)
    expect(result.facts).toEqual(merged)
    expect(JSON.parse(result.text)).toEqual(merged)
    expect(result.changes.map(({ path }) => path.join('.'))).toEqual(changed)
    expect(JSON.stringify([facts, patch])).toBe(before)
  })

  test('merging the same again changes nothing', () => {
    for (const [, facts, patch] of cases) expect(merge(merge(facts, patch).facts, patch).changes).toEqual([])
  })
})
