import { execFileSync } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostilePaths as attacks } from './hostile-paths.ts'
import { type Workbench, workbench } from './workbench.ts'

const canary = 'CANARY-OUTSIDE'

let bench: Workbench
let outside: string
let socket: ReturnType<typeof createServer>

beforeAll(async () => {
  bench = await workbench()
  outside = join(bench.home, 'outside')
  mkdirSync(join(outside, 'deep'), { recursive: true })
  writeFileSync(join(outside, 'secret.txt'), canary)
  writeFileSync(join(outside, 'deep/secret.txt'), canary)
  writeFileSync(join(bench.home, 'workspace-twin.txt'), canary)
  mkdirSync(join(bench.home, 'workspace2'))
  writeFileSync(join(bench.home, 'workspace2/secret.txt'), canary)
  const inside = (path: string) => join(bench.workspace, path)
  mkdirSync(inside('docs/deep'), { recursive: true })
  writeFileSync(inside('docs/a.txt'), 'alpha\n')
  symlinkSync(join(outside, 'secret.txt'), inside('link-file'))
  symlinkSync('../outside/secret.txt', inside('link-relative'))
  symlinkSync(outside, inside('link-folder'))
  symlinkSync('..', inside('link-up'))
  symlinkSync('/', inside('link-root'))
  symlinkSync('/proc/self', inside('link-proc'))
  symlinkSync('link-file', inside('link-to-link'))
  symlinkSync('loop', inside('loop'))
  symlinkSync('docs/a.txt', inside('link-inside'))
  symlinkSync(join(bench.home, 'nowhere'), inside('link-dangling'))
  symlinkSync(outside, inside('docs/deep/link'))
  symlinkSync('/dev/zero', inside('link-zero'))
  execFileSync('mkfifo', [inside('fifo')])
  socket = createServer().listen(inside('socket'))
})

afterAll(async () => {
  socket.close()
  await bench[Symbol.asyncDispose]()
})

function written(attack: string): string {
  return attack.replace(/^H/, bench.home).replace('W', () => bench.workspace)
}

/** What lies outside of the workspace, so that a change of it is seen. */
function surroundings(): string {
  // The store keeps the number of its newest commit beside the database, from the first commit on; some tools work on
  // copies below "run".
  const home = readdirSync(bench.home).filter(name => name !== 'gateway.commit' && name !== 'run')
  const names = [...home, ...readdirSync(outside), ...readdirSync(join(outside, 'deep'))]
  const texts = ['outside/secret.txt', 'outside/deep/secret.txt', 'workspace2/secret.txt', 'workspace-twin.txt']
  return JSON.stringify([names, texts.map(path => readFileSync(join(bench.home, path), 'utf8'))])
}

let tried = 0
let refused = 0

function count(outcomes: readonly { success: boolean }[]): void {
  tried += outcomes.length
  refused += outcomes.filter(({ success }) => !success).length
}

describe(`${attacks.length} hostile paths`, () => {
  afterAll(() => console.log(`${attacks.length} hostile paths: ${tried} runs tried, ${refused} refused`))

  test.each(attacks)('%j: no tool reads, names or writes anything outside', async attack => {
    const before = surroundings()
    const path = written(attack)
    const reads = [
      await bench.run('file_read', { path }),
      await bench.run('file_read', { path, startLine: 1, endLine: 2 }),
      await bench.run('file_search', { path, query: 'CANARY' }),
      await bench.run('file_list', { path, recursive: true }),
      await bench.run('json_query', { path, query: '@' }),
      await bench.run('sqlite_query', { path, query: 'SELECT * FROM sqlite_schema' }),
      await bench.run('file_edit', { path, oldText: 'CANARY', newText: 'x' }, { dryRun: true }),
    ]
    const writes = [
      await bench.run('file_write', { path, content: 'x' }, { dryRun: true }),
      await bench.run('file_write', { path: `${path}/new`, content: 'x' }, { dryRun: true }),
    ]
    // Of a link or a FIFO in the workspace it may be said what it is, and nothing of what is behind it.
    const looks = [await bench.run('file_info', { path }), await bench.run('file_delete', { path }, { dryRun: true })]
    const moves = [
      await bench.run('file_move', { from: path, to: 'moved' }, { dryRun: true }),
      await bench.run('file_move', { from: 'docs/a.txt', to: path }, { dryRun: true }),
      await bench.run('file_move', { from: 'docs/a.txt', to: `${path}/new` }, { dryRun: true }),
    ]
    count([...reads, ...writes, ...looks, ...moves])
    expect(looks[0]?.output ?? '').not.toContain('sha256')
    expect([looks[1], moves[0]]).toMatchObject([{ success: false }, { success: false }])
    for (const outcome of [...reads, ...writes, ...looks, ...moves]) {
      expect(outcome.output.replaceAll('"CANARY"', '')).not.toMatch(/CANARY|root:/)
      expect(outcome.code).not.toBe('INTERNAL')
      // A message may repeat the path that was asked for, and tells no other.
      if (!path.includes(bench.home)) expect(outcome.error ?? '').not.toContain(bench.home)
    }
    for (const outcome of reads) expect(outcome).toMatchObject({ success: false, error: expect.stringMatching(/./) })
    expect(surroundings()).toBe(before)
  })
})

// A jail that broke must not cost the machine that runs this test its files: only paths to files of the test.
const outsideAttacks = attacks.filter(
  attack =>
    /^(\.\.\/|H|W|link|loop|docs\/deep\/link|fifo|socket)/.test(attack) &&
    !/etc|proc|dev|zero|\.db|folder\/\.\./.test(attack),
)

test.each(outsideAttacks)('%j is not written to, by replacing or appending', async attack => {
  const before = surroundings()
  for (const append of [false, true]) {
    const outcome = await bench.run('file_write', { path: written(attack), content: 'pwned', append })
    expect(outcome).toMatchObject({ success: false })
    expect(outcome.code).not.toBe('INTERNAL')
  }
  expect(surroundings()).toBe(before)
  expect(existsSync(join(bench.home, 'nowhere'))).toBe(false)
})

test.each(outsideAttacks)('%j is not edited, deleted, or either end of a move', async attack => {
  const before = surroundings()
  const path = written(attack)
  const outcomes = [
    await bench.run('file_edit', { path, oldText: canary, newText: 'pwned' }),
    await bench.run('file_delete', { path }),
    await bench.run('file_move', { from: path, to: 'taken' }),
    await bench.run('file_move', { from: 'docs/a.txt', to: path }),
    await bench.run('file_move', { from: 'docs', to: `${path}/docs` }),
  ]
  for (const { success, code } of outcomes) {
    expect(success).toBe(false)
    expect(code).not.toBe('INTERNAL')
  }
  count(outcomes)
  expect(surroundings()).toBe(before)
  expect(readFileSync(join(bench.workspace, 'docs/a.txt'), 'utf8')).toBe('alpha\n')
  expect(existsSync(join(bench.workspace, 'taken'))).toBe(false)
})

test.each([
  ['../outside/secret.txt', 'FORBIDDEN', /outside of the workspace.*"notes.txt"/],
  ['/etc/passwd', 'FORBIDDEN', /outside of the workspace/],
  ['link-file', 'FORBIDDEN', /"link-file" is a symbolic link/],
  ['link-folder/secret.txt', 'FORBIDDEN', /"link-folder" is a symbolic link/],
  ['fifo', 'INVALID_MESSAGE', /"fifo" is a FIFO/],
  ['socket', 'INVALID_MESSAGE', /"socket" is a socket/],
  ['docs', 'INVALID_MESSAGE', /"docs" is a folder.*file_list/],
  ['docs/none.txt', 'NOT_FOUND', /"docs\/none.txt" does not exist/],
  ['docs/a.txt/x', 'INVALID_MESSAGE', /"docs\/a.txt" is a file, not a folder/],
  ['a\0b', 'INVALID_MESSAGE', /NUL/],
  ['..\uff0fx', 'INVALID_MESSAGE', /looks like/],
  ['a\u202eb', 'INVALID_MESSAGE', /cannot be seen/],
  ['a\\b', 'INVALID_MESSAGE', /backslash/],
  ['', 'INVALID_MESSAGE', /is empty/],
])('reading %j is refused with %s in words that help', async (path, code, words) => {
  const outcome = await bench.run('file_read', { path })
  expect(outcome).toMatchObject({ success: false, code })
  expect(outcome.error).toMatch(words)
  expect(outcome.error).not.toContain(bench.home)
})

test.each([
  'docs/a.txt',
  './docs/a.txt',
  'docs//a.txt',
  'docs/deep/../a.txt',
  'W/docs/a.txt',
  'W/../workspace/docs/a.txt',
])('%j is inside and is read', async path => {
  expect(await bench.run('file_read', { path: written(path) })).toMatchObject({ success: true, output: 'alpha\n' })
})

test('names in other scripts and with emoji are ordinary names', async () => {
  for (const name of ['Überblick.txt', 'ノート.txt', 'заметки.txt', '👩‍💻.txt', 'cafe\u0301.txt', 'ﬁle.txt']) {
    expect(await bench.run('file_write', { path: `names/${name}`, content: name })).toMatchObject({ success: true })
    expect((await bench.run('file_read', { path: `names/${name}` })).output).toBe(name)
  }
})

test('"~/" is the home folder of the account, and is understood where that leads into the workspace', async () => {
  const home = homedir()
  await using inHome = await workbench({
    config: { 'tools.workspace': join(home, `.talon-test-${process.pid}/files`) },
  })
  const folder = join(home, `.talon-test-${process.pid}`)
  await using _ = { [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }) }
  const path = `~/.talon-test-${process.pid}/files/a.txt`
  expect(await inHome.run('file_write', { path, content: 'x' })).toMatchObject({ success: true })
  expect((await inHome.run('file_list', { path: '.' })).output).toBe('a.txt (1 bytes)')
})

test('a workspace that is reached by a link is understood by both of its names', async () => {
  const real = join(bench.home, 'real')
  const link = join(bench.home, 'by-link')
  mkdirSync(real)
  symlinkSync(real, link)
  await using linked = await workbench({ config: { 'tools.workspace': link } })
  expect(await linked.run('file_write', { path: join(link, 'a.txt'), content: 'x' })).toMatchObject({ success: true })
  expect((await linked.run('file_read', { path: join(real, 'a.txt') })).output).toBe('x')
})

test('a listing names links and other kinds, and does not look behind them', async () => {
  const { output } = await bench.run('file_list', { path: '.', recursive: true })
  expect(output).toContain('link-folder (symbolic link)')
  expect(output).toContain('fifo (FIFO)')
  expect(output).toContain('socket (socket)')
  expect(output).not.toMatch(/link[a-z-]*\//)
})

test('a search goes around links, FIFOs and sockets without waiting', async () => {
  const { success, output } = await bench.run(
    'file_search',
    { path: '.', query: 'a', regex: true },
    { timeoutMs: 5_000 },
  )
  expect(success).toBe(true)
  expect(output).toContain('docs/a.txt:1: alpha')
  expect(output).not.toContain('CANARY')
})

test('replacing a hard link leaves what it was linked to as it was', async () => {
  linkSync(join(outside, 'secret.txt'), join(bench.workspace, 'hard'))
  expect(await bench.run('file_write', { path: 'hard', content: 'mine' })).toMatchObject({ success: true })
  expect(readFileSync(join(outside, 'secret.txt'), 'utf8')).toBe(canary)
})

test('moving, editing and deleting a hard link leave what it was linked to as it was', async () => {
  for (const name of ['hard-moved', 'hard-edited', 'hard-deleted']) {
    linkSync(join(outside, 'secret.txt'), join(bench.workspace, name))
  }
  const edit = { path: 'hard-edited', oldText: canary, newText: 'mine' }
  expect(await bench.run('file_edit', edit)).toMatchObject({ success: true })
  expect(await bench.run('file_delete', { path: 'hard-deleted' })).toMatchObject({ success: true })
  expect(await bench.run('file_move', { from: 'hard-moved', to: 'hard-there' })).toMatchObject({ success: true })
  expect(readFileSync(join(outside, 'secret.txt'), 'utf8')).toBe(canary)
})
