import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diff } from '../../../src/server/tools/diff.ts'

test('a new text is all added', () => {
  expect(diff('', 'a\nb\n')).toBe('@@ -0,0 +1,2 @@\n+a\n+b\n\\ The newline at the end differs')
})

test('what is far apart stands in blocks of its own', () => {
  const before = Array.from({ length: 30 }, (_, at) => `${at}`)
  const after = before.with(2, 'x').with(25, 'y')
  const text = diff(`${before.join('\n')}\n`, `${after.join('\n')}\n`)
  expect(text.match(/@@ .* @@/g)).toEqual(['@@ -1,6 +1,6 @@', '@@ -23,7 +23,7 @@'])
})

test('applied by patch(1), a diff of any two texts gives the second', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'talon-diff-'))
  const line = fc.constantFrom('a', 'b', 'c', 'd', '')
  const text = fc.array(line, { minLength: 1, maxLength: 25 }).map(lines => `${lines.join('\n')}\n`)
  fc.assert(
    fc.property(text, text, (before, after) => {
      fc.pre(before !== after)
      writeFileSync(join(folder, 'file'), before)
      const patch = `--- file\n+++ file\n${diff(before, after)}\n`
      execFileSync('patch', ['-s', '-p0', 'file'], { cwd: folder, input: patch })
      expect(execFileSync('cat', [join(folder, 'file')], { encoding: 'utf8' })).toBe(after)
    }),
    { numRuns: 60 },
  )
  rmSync(folder, { recursive: true })
})

test('a change too large to compare is shown as one block', () => {
  const before = Array.from({ length: 1_500 }, (_, at) => `old ${at}`).join('\n')
  const after = Array.from({ length: 1_500 }, (_, at) => `new ${at}`).join('\n')
  expect(diff(before, after).split('\n')).toHaveLength(3_001)
})
