import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rustPattern } from '../../../src/server/tools/rustPattern.ts'
import { type Workbench, workbench } from './workbench.ts'

const hasRipgrep = ['/usr/bin/rg', '/usr/local/bin/rg'].some(path => existsSync(path))

const files: Record<string, string | Buffer> = {
  'a.txt': 'Hello World\r\nfoo(bar) 42\n',
  'a/b.md': 'say hello\nsay it ٣ times\n',
  'a-b.md': 'hello again\n',
  '.hidden/c.txt': 'hello hidden\n',
  'node_modules/d.js': 'hello()\n',
  '.gitignore': 'node_modules\n*.log\n',
  'x.log': 'hello log\n',
  '-n.txt': 'hello dash\n',
  'é/ü ü.txt': 'Größe HELLO\n',
  'late-nul.bin': Buffer.concat([Buffer.from('hello early\n'), Buffer.alloc(300_000, 'x'), Buffer.from('\0')]),
  'nul.bin': Buffer.from('hello\0'),
  'latin.txt': Buffer.from('hello caf\xe9\n', 'latin1'),
  'utf16.txt': Buffer.from('\ufeffhello', 'utf16le'),
  'huge.txt': `hello${'x'.repeat(4 * 1_048_576)}`,
  'empty.txt': '',
  [`${'d/'.repeat(40)}deep.txt`]: 'hello deep\n',
  [`${'e/'.repeat(30)}deep.txt`]: 'hello less deep\n',
}

const searches = [
  { query: 'hello' },
  { query: 'hello', caseSensitive: true },
  { query: 'HELLO', filePattern: '*.md' },
  { query: 'hello', path: 'a' },
  { query: 'foo(bar)' },
  { query: '-n' },
  { query: 'größe' },
  { query: 'h.llo', regex: true },
  { query: '^say', regex: true },
  { query: String.raw`\d+ times`, regex: true },
  { query: String.raw`\w+\(`, regex: true },
  { query: String.raw`\bit\b`, regex: true },
  { query: 'World$', regex: true },
  { query: '[^a-z ]ello', regex: true, caseSensitive: true },
  { query: 'nothing like it' },
]

describe.skipIf(!hasRipgrep)('with ripgrep', () => {
  let asked: Workbench
  let built: Workbench

  beforeAll(async () => {
    asked = await workbench()
    built = await workbench({ config: { 'sandbox.level': 'off' } })
    for (const { workspace, tools } of [asked, built]) {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(workspace, path)), { recursive: true })
        writeFileSync(join(workspace, path), content)
      }
      symlinkSync('/usr', join(workspace, 'link'))
      await tools.start()
    }
  })
  afterAll(async () => {
    await asked[Symbol.asyncDispose]()
    await built[Symbol.asyncDispose]()
  })

  test.each(searches)('%j has the same answer as without', async search => {
    const lines = async (bench: Workbench) =>
      (await bench.run('file_search', { path: '.', ...search })).output
        .split('\n')
        .filter(line => !line.startsWith('['))
    expect(await lines(asked)).toEqual(await lines(built))
  })

  test('an expression that it does not know is searched without it', async () => {
    for (const query of ['[[:alpha:]]ello', 'a{,2}', '(?s)hello', String.raw`\Ahello`]) {
      const outcomes = await Promise.all(
        [asked, built].map(bench => bench.run('file_search', { path: '.', query, regex: true })),
      )
      const [one, other] = outcomes.map(({ success, error }) => ({ success, error }))
      expect(one).toEqual(other)
    }
  })
})

test.each([
  [String.raw`\d+`, '[0-9]+'],
  [String.raw`[\w.]+@\S+`, String.raw`[0-9A-Za-z_.]+@[^\t\n\f\r ]+`],
  [String.raw`\bword\b`, String.raw`(?-u:\b)word(?-u:\b)`],
  ['[]a]', '[]a]'],
  [String.raw`\\d`, String.raw`\\d`],
  [String.raw`[\D]`, undefined],
  ['[a&&b]', undefined],
  ['[[:alpha:]]', undefined],
  [String.raw`\Aa`, undefined],
  ['(?s)a.b', undefined],
])('%s is %s in Rust', (pattern, expected) => {
  expect(rustPattern(pattern)).toBe(expected)
})
