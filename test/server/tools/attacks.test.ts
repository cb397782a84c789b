import { execFileSync } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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

const up = '../'
const dot = '\uff0e'

/** Paths as an attacker writes them; `H` stands for the data folder, `W` for the workspace. */
const attacks: string[] = [
  '..',
  '../',
  '../outside/secret.txt',
  '../../etc/passwd',
  `${up.repeat(40)}etc/passwd`,
  './../outside/secret.txt',
  'docs/../../outside/secret.txt',
  'docs/./.././../outside/secret.txt',
  'docs/deep/../../../outside/secret.txt',
  'missing/../../outside/secret.txt',
  '..//outside//secret.txt',
  '../workspace2/secret.txt',
  '../workspace-twin.txt',
  'W/../outside/secret.txt',
  'W2/secret.txt',
  'W-twin.txt',
  'W/./../workspace2/secret.txt',
  'H/outside/secret.txt',
  'H/gateway.db',
  'H/talon.json',
  '/etc/passwd',
  '//etc/passwd',
  '/',
  '/dev/zero',
  '/dev/null',
  '/dev/stdin',
  '/proc/self/environ',
  '/proc/self/root/etc/passwd',
  '/proc/self/cwd/package.json',
  '/proc/self/fd/0',
  '/proc/self/rootW/docs/a.txt',
  '/proc/1/environ',
  '/proc/thread-self/root/etc/passwd',
  '~',
  '~/',
  '~/.ssh/id_rsa',
  '~/../../etc/passwd',
  '~root/.bashrc/../../../outside/secret.txt',
  'link-file',
  './link-file',
  'link-relative',
  'link-to-link',
  'link-inside',
  'link-dangling',
  'link-zero',
  'loop',
  'loop/x',
  'link-folder',
  'link-folder/',
  'link-folder/secret.txt',
  'link-folder/deep/secret.txt',
  'link-folder/../outside/secret.txt/x',
  'link-folder/.',
  'link-up/outside/secret.txt',
  'link-up/workspace/docs/a.txt',
  'link-root/etc/passwd',
  'link-proc/environ',
  'link-proc/root/etc/passwd',
  'link-proc/fd/0',
  'docs/deep/link/secret.txt',
  'docs/../docs/deep/link/secret.txt',
  'W/link-folder/secret.txt',
  'W/docs/deep/link/deep/secret.txt',
  'fifo',
  'fifo/x',
  'socket',
  'docs/a.txt/../../../outside/secret.txt',
  'docs/a.txt/x',
  '',
  '\0',
  'docs/a.txt\0.png',
  '\0/../../etc/passwd',
  '../outside/secret.txt\0',
  `${dot}${dot}/outside/secret.txt`,
  `${dot}${dot}\uff0foutside\uff0fsecret.txt`,
  '..\uff0foutside\uff0fsecret.txt',
  '..\u2215outside\u2215secret.txt',
  '..\u2044outside\u2044secret.txt',
  '..\u29f8outside',
  '\u2025/outside/secret.txt',
  '\u2024\u2024/outside/secret.txt',
  '.\u200b./outside/secret.txt',
  '..\u200b/outside/secret.txt',
  '\u202e..\u202c/outside/secret.txt',
  '..\\outside\\secret.txt',
  '..\\../outside/secret.txt',
  'C:\\Windows\\win.ini',
  '\\\\server\\share',
  '.\ud800./x',
  'docs/\ud800',
  'a\nb',
  'docs/\x1b[2Ja.txt',
  '%2e%2e%2foutside%2fsecret.txt',
  '%2e%2e/outside/secret.txt',
  '..%2foutside%2fsecret.txt',
  '..%c0%afoutside%c0%afsecret.txt',
  '..;/outside/secret.txt',
  '.../outside/secret.txt',
  '....//outside/secret.txt',
  '$HOME/outside/secret.txt',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what an attacker writes.
  '${HOME}/x/../../../outside/secret.txt',
  '`id`/../../outside/secret.txt',
  'file:///etc/passwd',
  'file://W/../outside/secret.txt',
  'docs/*/../../../outside/secret.txt',
  'x'.repeat(300),
  'd/'.repeat(100),
  `${'d/'.repeat(30)}${'../'.repeat(31)}outside/secret.txt`,
  `docs/${'x'.repeat(4_090)}`,
]

function written(attack: string): string {
  return attack.replace(/^H/, bench.home).replace('W', () => bench.workspace)
}

/** What lies outside of the workspace, so that a change of it is seen. */
function surroundings(): string {
  // The store keeps the number of its newest commit beside the database, from the first commit on.
  const home = readdirSync(bench.home).filter(name => name !== 'gateway.commit')
  const names = [...home, ...readdirSync(outside), ...readdirSync(join(outside, 'deep'))]
  const texts = ['outside/secret.txt', 'outside/deep/secret.txt', 'workspace2/secret.txt', 'workspace-twin.txt']
  return JSON.stringify([names, texts.map(path => readFileSync(join(bench.home, path), 'utf8'))])
}

describe(`${attacks.length} hostile paths`, () => {
  test.each(attacks)('%j: no tool reads, names or writes anything outside', async attack => {
    const before = surroundings()
    const path = written(attack)
    const reads = [
      await bench.run('file_read', { path }),
      await bench.run('file_read', { path, startLine: 1, endLine: 2 }),
      await bench.run('file_search', { path, query: 'CANARY' }),
      await bench.run('file_list', { path, recursive: true }),
    ]
    const writes = [
      await bench.run('file_write', { path, content: 'x' }, { dryRun: true }),
      await bench.run('file_write', { path: `${path}/new`, content: 'x' }, { dryRun: true }),
    ]
    for (const outcome of [...reads, ...writes]) {
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
