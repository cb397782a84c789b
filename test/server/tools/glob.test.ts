import { expect, test } from 'vitest'
import { compileGlob } from '../../../src/server/tools/glob.ts'

test.each([
  ['*.md', 'a.md', true],
  ['*.md', 'docs/a.md', true],
  ['*.md', 'a.mdx', false],
  ['docs/*.md', 'docs/a.md', true],
  ['docs/*.md', 'docs/x/a.md', false],
  ['docs/**/*.md', 'docs/a.md', true],
  ['docs/**/*.md', 'docs/x/y/a.md', true],
  ['**/a.md', 'a.md', true],
  ['**', 'docs/x', true],
  ['./docs/*', 'docs/x', true],
  ['?.txt', 'a.txt', true],
  ['?.txt', 'ab.txt', false],
  ['[ab].txt', 'b.txt', true],
  ['[!ab].txt', 'b.txt', false],
  ['[a-c]x', 'bx', true],
  ['*.{md,txt}', 'a.txt', true],
  ['*.{md,{c,h}pp}', 'a.hpp', true],
  ['a.b', 'axb', false],
  ['a+(b)', 'a+(b)', true],
  ['a,b', 'a,b', true],
  ['*.MD', 'a.md', false],
  ['日*', '日本.txt', true],
  ['👩*', '👩x', true],
])('%s and %s: %s', (pattern, path, expected) => {
  expect(compileGlob(pattern)(path)).toBe(expected)
})

test.each(['[abc', '{a,b', '[z-a]', 'x'.repeat(201)])('%s is refused with an example', pattern => {
  expect(() => compileGlob(pattern)).toThrow(/The pattern .* An example is/)
})

test('a pattern of many stars takes no time', () => {
  const startedAt = performance.now()
  expect(compileGlob(`${'*a'.repeat(60)}b`)('a'.repeat(4_000))).toBe(false)
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})
