import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Workbench, workbench } from './workbench.ts'

let bench: Workbench

beforeEach(async () => {
  bench = await workbench()
})
afterEach(() => bench[Symbol.asyncDispose]())

const inside = (path: string) => join(bench.workspace, path)
const text = (path: string) => readFileSync(inside(path), 'utf8')

function put(path: string, content: string | Buffer): void {
  mkdirSync(dirname(inside(path)), { recursive: true })
  writeFileSync(inside(path), content)
}

describe('file_edit', () => {
  const edit = (path: string, oldText: string, newText: string, more = {}) =>
    bench.run('file_edit', { path, oldText, newText }, more)

  test('replaces the one passage, shows the diff, and keeps the mode', async () => {
    put('run.sh', 'one\ntwo\nthree\n')
    chmodSync(inside('run.sh'), 0o750)
    const { output } = await edit('run.sh', 'two\n', '2\n2b\n')
    expect(output).toBe('Edited run.sh.\n@@ -1,3 +1,4 @@\n one\n-two\n+2\n+2b\n three')
    expect(text('run.sh')).toBe('one\n2\n2b\nthree\n')
    expect(statSync(inside('run.sh')).mode & 0o7777).toBe(0o750)
    expect(readdirSync(bench.workspace)).toEqual(['run.sh'])
  })

  test('a dry run shows the diff and changes nothing', async () => {
    put('a.txt', 'one\ntwo\n')
    const { output } = await edit('a.txt', 'two', '$& $1 2', { dryRun: true })
    expect(output).toBe('Would edit a.txt.\n@@ -1,2 +1,2 @@\n one\n-two\n+$& $1 2')
    expect(text('a.txt')).toBe('one\ntwo\n')
    await edit('a.txt', 'two', '$& $1 2')
    expect(text('a.txt')).toBe('one\n$& $1 2\n')
  })

  test.each([
    ['a\r\nb\r\nc\r\n', 'a\nb\n', 'x\ny\n', 'x\r\ny\r\nc\r\n'],
    ['a\r\nb\r\n', 'b', 'b\nc', 'a\r\nb\r\nc\r\n'],
    ['a\r\nb\nc\n', 'b\n', 'x\n', 'a\r\nx\nc\n'],
    ['\ufeffa\nb', 'b', '', '\ufeffa\n'],
    ['no end', 'end', 'end\n', 'no end\n'],
    ['grüße 👩‍💻', '👩‍💻', 'ok', 'grüße ok'],
  ])('%j keeps its line ends and its first bytes', async (before, oldText, newText, after) => {
    put('a.txt', before)
    expect(await edit('a.txt', oldText, newText)).toMatchObject({ success: true })
    expect(text('a.txt')).toBe(after)
  })

  test('text that is not there is refused with the lines that are near', async () => {
    put('a.ts', 'const one = 1\nconst two = 2 // second\nreturn one\n')
    const outcome = await edit('a.ts', 'const  two = 2', 'x')
    expect(outcome).toMatchObject({ success: false, code: 'NOT_FOUND' })
    expect(outcome.error).toMatch(/does not occur in "a.ts".*Near to it are:\n2: const two = 2 \/\/ second/)
  })

  test('text that is there more often is refused with how often and where', async () => {
    put('a.txt', 'x\ny\nx\nx\n')
    const outcome = await edit('a.txt', 'x', 'z')
    expect(outcome).toMatchObject({ success: false, code: 'CONFLICT', error: expect.stringContaining('3 times') })
    expect(outcome.error).toContain('lines 1, 3, 4')
    put('b.txt', 'aaa')
    expect(await edit('b.txt', 'aa', 'b')).toMatchObject({ code: 'CONFLICT' })
    put('c.txt', 'x\n'.repeat(100))
    expect((await edit('c.txt', 'x', 'z')).error).toContain('more than 8 times')
  })

  test.each([
    ['same', 'same', 'INVALID_MESSAGE', /nothing would change/],
    ['', 'x', 'INVALID_MESSAGE', /oldText/],
  ])('%j to %j is refused', async (oldText, newText, code, words) => {
    put('a.txt', 'same')
    expect(await edit('a.txt', oldText, newText)).toMatchObject({ code, error: expect.stringMatching(words) })
  })

  test.each([
    ['binary', Buffer.from('a\0b'), 'INVALID_MESSAGE', /binary/],
    ['Latin-1', Buffer.from('a\xe9', 'latin1'), 'INVALID_MESSAGE', /not UTF-8/],
  ])('%s content is named and left alone', async (_, content, code, words) => {
    put('x', content)
    expect(await edit('x', 'a', 'b')).toMatchObject({ success: false, code, error: expect.stringMatching(words) })
    expect(readFileSync(inside('x'))).toEqual(content)
  })

  test('a file that is missing or too large is refused', async () => {
    expect(await edit('none', 'a', 'b')).toMatchObject({ code: 'NOT_FOUND' })
    put('big', 'a')
    truncateSync(inside('big'), 2 ** 40)
    expect(await edit('big', 'a', 'b')).toMatchObject({ code: 'TOO_LARGE' })
  })

  test('of many edits at once none is lost without a word', async () => {
    const lines = Array.from({ length: 40 }, (_, at) => `line ${at}.`)
    put('a.txt', lines.join('\n'))
    const outcomes = await Promise.all(lines.map((line, at) => edit('a.txt', line, `done ${at}.`)))
    const after = text('a.txt').split('\n')
    outcomes.forEach(({ success, code }, at) => {
      expect(after[at]).toBe(success ? `done ${at}.` : `line ${at}.`)
      if (!success) expect(code).toBe('CONFLICT')
    })
    expect(outcomes.some(({ success }) => success)).toBe(true)
  })
})

describe('file_move', () => {
  const move = (from: string, to: string, more = {}) => bench.run('file_move', { from, to }, more)

  test('moves a file with its mode and time, and makes the folders on the way', async () => {
    put('a.sh', 'x')
    chmodSync(inside('a.sh'), 0o755)
    const { mtimeMs } = statSync(inside('a.sh'))
    expect((await move('a.sh', 'x/y/b.sh')).output).toBe('Moved the file a.sh to x/y/b.sh.')
    expect(existsSync(inside('a.sh'))).toBe(false)
    expect(statSync(inside('x/y/b.sh'))).toMatchObject({ mtimeMs, mode: 0o100755, nlink: 1 })
  })

  test('moves a folder with all that is in it, links as links', async () => {
    put('docs/deep/a.txt', 'x')
    symlinkSync('/etc/passwd', inside('docs/link'))
    expect((await move('docs', 'old/docs')).output).toBe('Moved the folder docs to old/docs.')
    expect(readdirSync(inside('old/docs')).sort()).toEqual(['deep', 'link'])
    expect(existsSync(inside('docs'))).toBe(false)
  })

  test.each([
    ['a.txt', 'b.txt', 'CONFLICT', /"b.txt" exists already: a file/],
    ['a.txt', 'docs', 'CONFLICT', /"docs" exists already: a folder. Give a path in it/],
    ['docs', 'b.txt', 'CONFLICT', /"b.txt" exists already/],
    ['docs', 'empty', 'CONFLICT', /"empty" exists already/],
    ['a.txt', 'a.txt', 'CONFLICT', /exists already/],
    ['a.txt', 'link', 'CONFLICT', /"link" exists already: a symbolic link/],
    ['a.txt', 'new/', 'INVALID_MESSAGE', /names a folder/],
    ['a.txt', '.', 'INVALID_MESSAGE', /names a folder/],
    ['docs', 'docs/inner', 'INVALID_MESSAGE', /into itself/],
    ['docs', 'docs/a/b', 'INVALID_MESSAGE', /into itself/],
    ['.', 'x', 'INVALID_MESSAGE', /root itself/],
    ['none', 'x', 'NOT_FOUND', /"none" does not exist/],
    ['link', 'x', 'FORBIDDEN', /"link" is a symbolic link/],
    ['fifo', 'x', 'INVALID_MESSAGE', /"fifo" is a FIFO/],
    ['a.txt', 'b.txt/x', 'INVALID_MESSAGE', /"b.txt" is a file, not a folder/],
    ['a.txt', '../x', 'FORBIDDEN', /outside/],
    ['../x', 'x', 'FORBIDDEN', /outside/],
  ])('%s to %s is refused, dry or not, and nothing is changed', async (from, to, code, words) => {
    put('a.txt', 'a')
    put('b.txt', 'b')
    put('docs/c.txt', 'c')
    mkdirSync(inside('empty'))
    symlinkSync('a.txt', inside('link'))
    execFileSync('mkfifo', [inside('fifo')])
    const before = readdirSync(bench.workspace, { recursive: true })
    for (const dryRun of [true, false]) {
      const outcome = await move(from, to, { dryRun })
      expect(outcome).toMatchObject({ success: false, code, error: expect.stringMatching(words) })
    }
    expect(readdirSync(bench.workspace, { recursive: true })).toEqual(before)
    expect([text('a.txt'), text('b.txt')]).toEqual(['a', 'b'])
  })

  test('a dry run says what it would do and does nothing', async () => {
    put('a.txt', 'x')
    expect((await move('a.txt', 'x/b.txt', { dryRun: true })).output).toBe('Would move the file a.txt to x/b.txt.')
    expect(readdirSync(bench.workspace)).toEqual(['a.txt'])
  })

  test('of many that want the same name one gets it, and no file is lost', async () => {
    const names = Array.from({ length: 30 }, (_, at) => `${at}.txt`)
    for (const name of names) put(name, name)
    const outcomes = await Promise.all(names.map(name => move(name, 'target')))
    expect(outcomes.filter(({ success }) => success)).toHaveLength(1)
    const winner = names[outcomes.findIndex(({ success }) => success)] ?? ''
    expect(text('target')).toBe(winner)
    expect(readdirSync(bench.workspace).sort()).toEqual([...names.filter(name => name !== winner), 'target'].sort())
  })
})

// The shared memory of a Linux machine is another file system than its disk.
describe.skipIf(!existsSync('/dev/shm'))('between file systems', () => {
  let other: string

  beforeEach(async () => {
    other = mkdtempSync('/dev/shm/talon-test-')
  })
  afterEach(() => rmSync(other, { recursive: true }))

  // A folder below /dev is no root, so that the workspace itself is put there.
  const far = () => workbench({ config: { 'tools.workspace': join(other, 'files') } })

  test('what is deleted gets to the trash and back by a copy', async () => {
    await using bench = await far()
    const file = (path: string) => join(other, 'files', path)
    mkdirSync(file('docs/deep'), { recursive: true })
    writeFileSync(file('docs/deep/a.txt'), 'alpha')
    chmodSync(file('docs/deep/a.txt'), 0o640)
    symlinkSync('/etc/passwd', file('docs/link'))
    expect(await bench.run('file_delete', { path: 'docs' })).toMatchObject({ success: true })
    expect(readdirSync(join(other, 'files'))).toEqual([])
    const [item] = await bench.trash.list()
    await bench.trash.restore(item?.id ?? '', undefined, AbortSignal.timeout(10_000))
    expect(readFileSync(file('docs/deep/a.txt'), 'utf8')).toBe('alpha')
    expect(statSync(file('docs/deep/a.txt')).mode & 0o777).toBe(0o640)
    expect(readdirSync(file('docs')).sort()).toEqual(['deep', 'link'])
  })

  test('what cannot be copied stays where it was', async () => {
    await using bench = await far()
    mkdirSync(join(other, 'files/docs'), { recursive: true })
    writeFileSync(join(other, 'files/docs/a.txt'), 'alpha')
    execFileSync('mkfifo', [join(other, 'files/docs/fifo')])
    const outcome = await bench.run('file_delete', { path: 'docs' })
    expect(outcome).toMatchObject({ success: false, code: 'INVALID_MESSAGE', error: expect.stringMatching(/FIFO/) })
    expect(readdirSync(join(other, 'files/docs')).sort()).toEqual(['a.txt', 'fifo'])
    expect(await bench.trash.list()).toEqual([])
  })
})

describe('file_info', () => {
  const info = async (path: string) => (await bench.run('file_info', { path })).output.split('\n')

  test('says kind, size, mode, times, type, lines and hash of a file', async () => {
    put('docs/plan.md', '# Plan\nüber\nthree')
    chmodSync(inside('docs/plan.md'), 0o640)
    const sha256 = createHash('sha256').update('# Plan\nüber\nthree').digest('hex')
    expect(await info('docs/plan.md')).toEqual([
      'path: docs/plan.md',
      'kind: file',
      'size: 18 bytes',
      'mode: 0640',
      expect.stringMatching(/^modified: \d{4}-.*Z$/),
      expect.stringMatching(/^created: \d{4}-.*Z$/),
      'type: text/markdown',
      'lines: 3',
      `sha256: ${sha256}`,
    ])
  })

  test.each([
    ['a.txt', '', 'text/plain'],
    ['a.png', Buffer.from('\x89PNG\r\n\x1a\n\0\0', 'latin1'), 'image/png'],
    ['a.txt', Buffer.from('\x89PNG\r\n\x1a\n\0\0', 'latin1'), 'image/png'],
    [
      'a.docx',
      Buffer.from('PK\x03\x04\0', 'latin1'),
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    ],
    ['BMW.txt', 'BM is how it begins', 'text/plain'],
    ['x', Buffer.from([0, 1, 2, 3]), 'application/octet-stream'],
    ['data.json', '{}', 'application/json'],
    ['constructor', 'x', 'text/plain'],
    ['cut.txt', `${'a'.repeat(65_535)}é`, 'text/plain'],
  ])('%s is told by its bytes and its name', async (name, content, type) => {
    put(name, content)
    expect(await info(name)).toContain(`type: ${type}`)
  })

  test('names folders, links and FIFOs, and follows none', async () => {
    mkdirSync(inside('docs'))
    symlinkSync('/etc/passwd', inside('link'))
    execFileSync('mkfifo', [inside('fifo')])
    expect(await info('docs')).toContain('kind: folder')
    expect(await info('.')).toContain('kind: folder')
    expect((await info('link')).join('\n')).toMatch(/kind: symbolic link\nIt is not followed/)
    expect(await info('fifo')).toContain('kind: FIFO')
    expect(await bench.run('file_info', { path: 'none' })).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('does not sum up what is endless', async () => {
    put('big', '')
    truncateSync(inside('big'), 2 ** 40)
    expect(await info('big')).toContain('lines, sha256: not counted beyond 67108864 bytes')
  })
})
