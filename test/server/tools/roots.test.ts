import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/server/config.ts'
import { rootsOf } from '../../../src/server/tools/roots.ts'
import { type Workbench, workbench } from './workbench.ts'

let base: string
let bench: Workbench

beforeEach(async () => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'talon-roots-')))
  for (const folder of ['read', 'write', 'outside']) {
    mkdirSync(join(base, folder, 'docs'), { recursive: true })
    writeFileSync(join(base, folder, 'docs/a.txt'), `alpha of ${folder}\n`)
  }
  symlinkSync(join(base, 'write'), join(base, 'by-link'))
  symlinkSync(join(base, 'outside'), join(base, 'write/link'))
  bench = await workbench({
    config: {
      'tools.roots': [
        { path: join(base, 'read'), writable: false },
        { path: join(base, 'by-link'), writable: true },
      ],
    },
  })
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
  rmSync(base, { recursive: true })
})

const text = (path: string) => readFileSync(join(base, path), 'utf8')

test('files of a root are read by whole paths, and shown by them', async () => {
  const path = join(base, 'read/docs/a.txt')
  expect((await bench.run('file_read', { path })).output).toBe('alpha of read\n')
  expect((await bench.run('file_list', { path: join(base, 'read'), recursive: true })).output.split('\n')).toEqual([
    join(base, 'read/docs/'),
    `${path} (14 bytes)`,
  ])
  expect((await bench.run('file_search', { path: join(base, 'read'), query: 'alpha' })).output).toBe(
    `${path}:1: alpha of read`,
  )
  expect((await bench.run('file_info', { path: join(base, 'read') })).output).toContain('It may be read only.')
})

test('a root that may be written is, by either of its names', async () => {
  const path = join(base, 'by-link/docs/a.txt')
  expect(await bench.run('file_edit', { path, oldText: 'alpha', newText: 'beta' })).toMatchObject({ success: true })
  expect(text('write/docs/a.txt')).toBe('beta of write\n')
  const moved = await bench.run('file_move', { from: path, to: 'mine.txt' })
  expect(moved.output).toBe(`Moved the file ${join(base, 'write/docs/a.txt')} to mine.txt.`)
  expect(await bench.run('file_move', { from: 'mine.txt', to: join(base, 'write/new/a.txt') })).toMatchObject({
    success: true,
  })
  expect(text('write/new/a.txt')).toBe('beta of write\n')
  expect(await bench.run('file_delete', { path: join(base, 'write/new') })).toMatchObject({ success: true })
  const [item] = await bench.trash.list()
  await bench.trash.restore(item?.id ?? '', undefined, AbortSignal.timeout(10_000))
  expect(text('write/new/a.txt')).toBe('beta of write\n')
})

test('a root that may only be read is changed by no tool', async () => {
  const path = join(base, 'read/docs/a.txt')
  const outcomes = [
    await bench.run('file_write', { path, content: 'x' }),
    await bench.run('file_write', { path: join(base, 'read/new.txt'), content: 'x', append: true }),
    await bench.run('file_edit', { path, oldText: 'alpha', newText: 'x' }),
    await bench.run('file_delete', { path }),
    await bench.run('file_move', { from: path, to: 'x' }),
    await bench.run('file_move', { from: join(base, 'write/docs'), to: join(base, 'read/x') }),
  ]
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ success: false, code: 'FORBIDDEN', error: expect.stringContaining('tools.roots') })
  }
  expect(readdirSync(join(base, 'read'), { recursive: true })).toEqual(['docs', 'docs/a.txt'])
  expect(text('read/docs/a.txt')).toBe('alpha of read\n')
})

const escapes = [
  'B/outside/docs/a.txt',
  'B/read/../outside/docs/a.txt',
  'B/read2/a.txt',
  'B/write/link/docs/a.txt',
  'B/by-link/link/docs/a.txt',
  'B',
  'read/docs/a.txt',
  '../read/docs/a.txt',
]

test.each(escapes)('%s lies in no root', async attack => {
  const path = attack.replace('B', base)
  for (const [tool, args] of [
    ['file_read', { path }],
    ['file_write', { path, content: 'pwned' }],
    ['file_delete', { path }],
    ['file_move', { from: join(base, 'write/docs'), to: path }],
  ] as const) {
    if (tool === 'file_write' && attack === 'read/docs/a.txt') continue // That is a new file of the workspace.
    const outcome = await bench.run(tool, args, { dryRun: tool === 'file_move' && attack === 'read/docs/a.txt' })
    if (attack !== 'read/docs/a.txt') expect(outcome).toMatchObject({ success: false })
    expect(outcome.output).not.toContain('alpha of outside')
  }
  expect(readdirSync(join(base, 'outside'), { recursive: true })).toEqual(['docs', 'docs/a.txt'])
})

test('a root that was swapped for a link after the start is not entered', async () => {
  renameSync(join(base, 'read'), join(base, 'old'))
  symlinkSync(join(base, 'outside'), join(base, 'read'))
  const outcome = await bench.run('file_read', { path: join(base, 'read/docs/a.txt') })
  expect(outcome.success).toBe(false)
  expect(outcome.output).toBe('')
})

test('a root that is missing is named', async () => {
  rmSync(join(base, 'read'), { recursive: true })
  const outcome = await bench.run('file_read', { path: join(base, 'read/a.txt') })
  expect(outcome).toMatchObject({
    success: false,
    code: 'NOT_FOUND',
    error: expect.stringContaining(join(base, 'read')),
  })
})

describe('the setting', () => {
  const refuse = (...paths: string[]) => {
    const home = join(base, 'home')
    mkdirSync(join(home, 'workspace'), { recursive: true })
    const roots = paths.map(path => ({ path: path.replace(/^B/, base), writable: true }))
    return () => rootsOf(home, join(home, 'workspace'), roots)
  }

  test.each([
    ['docs', /no absolute path/],
    ['/', /holds the data folder/],
    ['B', /holds the data folder/],
    ['B/home', /holds the data folder/],
    ['B/home/trash', /lies in the data folder/],
    ['B/home/run', /lies in the data folder/],
    ['B/home/workspace', /lies in the data folder/],
    ['B/to-home', /holds the data folder/],
    ['B/outside/../home/backups', /lies in the data folder/],
    ['/proc/self', /no folder of files/],
    ['/dev/shm', /no folder of files/],
    ['/sys', /no folder of files/],
    [join(import.meta.dirname, '../../../src'), /holds the program/],
  ])('%s is refused', (path, words) => {
    symlinkSync(join(base, 'home'), join(base, 'to-home'))
    expect(refuse(path)).toThrow(ConfigError)
    expect(refuse(path)).toThrow(words)
  })

  test('two that hold one another are refused', () => {
    expect(refuse('B/write', 'B/write/docs')).toThrow(/hold one another/)
    expect(refuse('B/write', 'B/by-link')).toThrow(/hold one another/)
    expect(refuse('B/write', 'B/read')).not.toThrow()
  })
})
