import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Workbench, workbench } from './workbench.ts'

let bench: Workbench

beforeEach(async () => {
  bench = await workbench()
})
afterEach(() => bench[Symbol.asyncDispose]())

function put(path: string, content: string | Buffer): void {
  const file = join(bench.workspace, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}

describe('file_read', () => {
  test('gives a file to the byte', async () => {
    put('a.txt', '\ufeffone\r\ntwo')
    expect((await bench.run('file_read', { path: 'a.txt' })).output).toBe('\ufeffone\r\ntwo')
    put('empty', '')
    expect(await bench.run('file_read', { path: 'empty' })).toMatchObject({ success: true, output: '' })
  })

  test.each([
    [{ startLine: 2, endLine: 3 }, 'two\nthree'],
    [{ startLine: 3 }, 'three\nfour'],
    [{ endLine: 1 }, 'one'],
    [{ startLine: 4, endLine: 99 }, 'four'],
  ])('gives the lines %j', async (range, expected) => {
    put('a.txt', 'one\ntwo\nthree\nfour\n')
    expect((await bench.run('file_read', { path: 'a.txt', ...range })).output).toBe(expected)
  })

  test.each([
    [{ startLine: 3, endLine: 2 }, /endLine \(2\) is before startLine \(3\)/],
    [{ startLine: 5 }, /has only 4 lines/],
  ])('refuses the lines %j', async (range, words) => {
    put('a.txt', 'one\ntwo\nthree\nfour\n')
    const outcome = await bench.run('file_read', { path: 'a.txt', ...range })
    expect(outcome).toMatchObject({ success: false, code: 'INVALID_MESSAGE', error: expect.stringMatching(words) })
  })

  test.each([
    ['binary', Buffer.from('ab\0cd'), /"x" is binary \(a NUL byte at offset 2\)/],
    ['Latin-1', Buffer.from('caf\xe9', 'latin1'), /"x" is not UTF-8 text/],
    ['UTF-16', Buffer.from('\ufeffhi', 'utf16le'), /"x" is UTF-16/],
  ])('names %s content instead of showing it', async (_, content, words) => {
    put('x', content)
    const outcome = await bench.run('file_read', { path: 'x' })
    expect(outcome).toMatchObject({ success: false, error: expect.stringMatching(words) })
  })

  test('refuses a huge file as a whole, and reads lines of it', async () => {
    put('big.log', 'first\nsecond\n')
    truncateSync(join(bench.workspace, 'big.log'), 2 ** 40)
    const whole = await bench.run('file_read', { path: 'big.log' })
    expect(whole).toMatchObject({ success: false, code: 'TOO_LARGE', error: expect.stringContaining('startLine') })
    expect((await bench.run('file_read', { path: 'big.log', endLine: 2 })).output).toBe('first\nsecond')
    const far = await bench.run('file_read', { path: 'big.log', startLine: 9 })
    expect(far).toMatchObject({ success: false, code: 'TOO_LARGE' })
  })

  test('reads lines that lie across the chunks of the reader', async () => {
    const lines = Array.from({ length: 40_000 }, (_, at) => `line ${at + 1} é`)
    put('many.txt', lines.join('\n'))
    const { output } = await bench.run('file_read', { path: 'many.txt', startLine: 9_000, endLine: 30_000 })
    expect(output).toBe(lines.slice(8_999, 30_000).join('\n'))
  })
})

describe('file_list', () => {
  beforeEach(() => {
    put('b.txt', 'bb')
    put('a.md', 'a')
    put('docs/deep/c.md', 'ccc')
    put('docs/d.txt', '')
  })

  test.each([
    [{ path: '.' }, ['a.md (1 bytes)', 'b.txt (2 bytes)', 'docs/']],
    [{ path: 'docs' }, ['docs/d.txt (0 bytes)', 'docs/deep/']],
    [{ path: 'docs/' }, ['docs/d.txt (0 bytes)', 'docs/deep/']],
    [{ path: 'b.txt' }, ['b.txt (2 bytes)']],
    [
      { path: '.', recursive: true },
      ['a.md (1 bytes)', 'b.txt (2 bytes)', 'docs/', 'docs/d.txt (0 bytes)', 'docs/deep/', 'docs/deep/c.md (3 bytes)'],
    ],
    [{ path: '.', recursive: true, pattern: '*.md' }, ['a.md (1 bytes)', 'docs/deep/c.md (3 bytes)']],
    [{ path: 'docs', recursive: true, pattern: 'deep/*' }, ['docs/deep/c.md (3 bytes)']],
    [{ path: '.', pattern: '*.{md,txt}' }, ['a.md (1 bytes)', 'b.txt (2 bytes)']],
    [{ path: '.', pattern: '*.zip' }, ['Nothing in . fits "*.zip".']],
  ])('lists %j', async (args, expected) => {
    expect((await bench.run('file_list', args)).output.split('\n')).toEqual(expected)
  })

  test('a folder that is missing is NOT_FOUND', async () => {
    expect(await bench.run('file_list', { path: 'nope' })).toMatchObject({ success: false, code: 'NOT_FOUND' })
  })

  test('stops at its bound and says so', async () => {
    for (let count = 0; count < 2_100; count++) put(`many/${count}`, '')
    const lines = (await bench.run('file_list', { path: 'many' })).output.split('\n')
    expect(lines).toHaveLength(2_001)
    expect(lines.at(-1)).toContain('not all')
  })

  test('does not enter folders without end', async () => {
    put(`${'d/'.repeat(50)}x`, '')
    const { output } = await bench.run('file_list', { path: 'd', recursive: true })
    expect(output.split('\n')).toHaveLength(33)
    expect(output).toContain('deeper than 32')
  })
})

describe('file_write', () => {
  test('makes the file and its folders for their owner alone', async () => {
    const outcome = await bench.run('file_write', { path: 'x/y/a.txt', content: 'hé' })
    expect(outcome).toMatchObject({ success: true, output: 'Wrote 3 bytes to x/y/a.txt (new).' })
    expect(readFileSync(join(bench.workspace, 'x/y/a.txt'), 'utf8')).toBe('hé')
    expect(statSync(join(bench.workspace, 'x/y/a.txt')).mode & 0o777).toBe(0o600)
    expect(statSync(join(bench.workspace, 'x/y')).mode & 0o777).toBe(0o700)
  })

  test('replaces a file as a whole, keeps its mode without setuid, and leaves nothing beside it', async () => {
    put('run.sh', 'old and longer')
    chmodSync(join(bench.workspace, 'run.sh'), 0o4755)
    expect((await bench.run('file_write', { path: 'run.sh', content: 'new' })).output).toContain('(replaced)')
    expect(readFileSync(join(bench.workspace, 'run.sh'), 'utf8')).toBe('new')
    expect(statSync(join(bench.workspace, 'run.sh')).mode & 0o7777).toBe(0o755)
    expect(readdirSync(bench.workspace)).toEqual(['run.sh'])
  })

  test('appends, also to a file that is not there yet', async () => {
    await bench.run('file_write', { path: 'log', content: 'a\n', append: true })
    const { output } = await bench.run('file_write', { path: 'log', content: 'b\n', append: true })
    expect(output).toBe('Appended 2 bytes to log (4 now).')
    expect(readFileSync(join(bench.workspace, 'log'), 'utf8')).toBe('a\nb\n')
  })

  test.each(['.', '', 'docs/', 'docs'])('does not take the folder %j for a file', async path => {
    mkdirSync(join(bench.workspace, 'docs'))
    for (const append of [false, true]) {
      const outcome = await bench.run('file_write', { path, content: 'x', append })
      expect(outcome).toMatchObject({ success: false, code: 'INVALID_MESSAGE' })
    }
    expect(readdirSync(bench.workspace)).toEqual(['docs'])
  })

  test('bounds what is written at once and what a file grows to', async () => {
    const much = await bench.run('file_write', { path: 'a', content: 'x'.repeat(8 * 1_048_576 + 1) })
    expect(much).toMatchObject({ success: false, code: 'TOO_LARGE' })
    put('big', '')
    truncateSync(join(bench.workspace, 'big'), 64 * 1_048_576)
    const more = await bench.run('file_write', { path: 'big', content: 'x', append: true })
    expect(more).toMatchObject({ success: false, code: 'TOO_LARGE' })
  })

  test('a dry run shows the changes and makes none', async () => {
    put('a.txt', 'one\ntwo\nthree\n')
    const args = { path: './a.txt', content: 'one\n2\nthree\n' }
    const { output } = await bench.run('file_write', args, { dryRun: true })
    expect(output).toBe('Would write 12 bytes into a.txt.\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three')
    const appended = await bench.run('file_write', { path: 'a.txt', content: 'four\n', append: true }, { dryRun: true })
    expect(appended.output).toBe('Would append 5 bytes to a.txt.\n@@ -1,3 +1,4 @@\n one\n two\n three\n+four')
    expect(readFileSync(join(bench.workspace, 'a.txt'), 'utf8')).toBe('one\ntwo\nthree\n')
  })

  test('a dry run refuses what the write would refuse', async () => {
    const outcome = await bench.run('file_write', { path: '../x', content: '' }, { dryRun: true })
    expect(outcome).toMatchObject({ success: false, code: 'FORBIDDEN', decision: { allowed: true } })
  })
})

describe('file_search', () => {
  beforeEach(() => {
    put('a.txt', 'Hello World\nfoo(bar)\n')
    put('docs/b.md', 'say hello\n')
    put('image.bin', Buffer.from('hello\0'))
  })

  test.each([
    [{ path: '.', query: 'hello' }, ['a.txt:1: Hello World', 'docs/b.md:1: say hello']],
    [{ path: '.', query: 'hello', caseSensitive: true }, ['docs/b.md:1: say hello']],
    [{ path: 'docs', query: 'hello' }, ['docs/b.md:1: say hello']],
    [{ path: 'a.txt', query: 'hello' }, ['a.txt:1: Hello World']],
    [{ path: '.', query: 'foo(bar)' }, ['a.txt:2: foo(bar)']],
    [{ path: '.', query: 'h.llo w', regex: true }, ['a.txt:1: Hello World']],
    [{ path: '.', query: '^say', regex: true, caseSensitive: true }, ['docs/b.md:1: say hello']],
    [{ path: '.', query: 'hello', filePattern: '*.md' }, ['docs/b.md:1: say hello']],
    [{ path: '.', query: 'nothing like it' }, ['Nothing in . matches "nothing like it".']],
  ])('finds %j', async (args, expected) => {
    const lines = (await bench.run('file_search', args)).output.split('\n')
    expect(lines.filter(line => !line.startsWith('['))).toEqual(expected)
  })

  test('says how many files it left out', async () => {
    put('huge.txt', 'x'.repeat(4 * 1_048_576 + 1))
    const { output } = await bench.run('file_search', { path: '.', query: 'zzz' })
    expect(output).toContain('[1 files of more than 4194304 bytes were left out]')
    expect(output).toContain('[1 files that are not UTF-8 text were left out]')
  })

  test.each([
    ['(', /cannot be used/],
    ['(?=x)', /cannot be used.*look-around/],
    [String.raw`(a)\1`, /cannot be used.*back references/],
    ['((a{100}){100}){100}', /cannot be used/],
    ['(((((x{10}){10}){9}', /cannot be used/],
  ])('refuses the expression %s', async (query, words) => {
    const outcome = await bench.run('file_search', { path: '.', query, regex: true })
    expect(outcome).toMatchObject({ success: false, code: 'INVALID_MESSAGE', error: expect.stringMatching(words) })
  })

  test.each(['(a+)+$', '(a|a)*b', '(.*a){20}b', '(x+x+)+y', 'a{0,500}a{0,400}b'])(
    'the expression %s, which takes others exponential time, leaves the event loop responsive',
    async query => {
      put('evil.txt', `${`${'a'.repeat(3_000)}!\n`.repeat(200)}`)
      let longestMs = 0
      let last = performance.now()
      const beat = setInterval(() => {
        longestMs = Math.max(longestMs, performance.now() - last)
        last = performance.now()
      }, 5)
      const outcome = await bench.run('file_search', { path: 'evil.txt', query, regex: true }, { timeoutMs: 4_000 })
      clearInterval(beat)
      expect([undefined, 'TIMEOUT']).toContain(outcome.code)
      expect(longestMs).toBeLessThan(1_500)
    },
  )

  test('stops at its bound and says so', async () => {
    put('many.txt', 'match\n'.repeat(2_000))
    const lines = (await bench.run('file_search', { path: '.', query: 'match' })).output.split('\n')
    expect(lines.filter(line => line.endsWith('match'))).toHaveLength(500)
    expect(lines.join('\n')).toContain('stopped after 500 matches')
  })

  test('ends in the middle of its work when its time is up', async () => {
    for (let count = 0; count < 40; count++) put(`big/${count}.txt`, 'abcdefghij klmnop\n'.repeat(200_000))
    const outcome = await bench.run('file_search', { path: '.', query: 'q[xyz]+$', regex: true }, { timeoutMs: 60 })
    expect(outcome).toMatchObject({ success: false, code: 'TIMEOUT' })
    expect(outcome.durationMs).toBeLessThan(2_000)
  })
})
