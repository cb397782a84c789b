import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTrash, type Trash } from '../../../src/server/tools/trash/trash.ts'
import { type Workbench, workbench } from './workbench.ts'

let bench: Workbench
const signal = new AbortController().signal

beforeEach(async () => {
  bench = await workbench()
})
afterEach(() => bench[Symbol.asyncDispose]())

function put(path: string, content: string): void {
  mkdirSync(dirname(join(bench.workspace, path)), { recursive: true })
  writeFileSync(join(bench.workspace, path), content)
}

const remove = (path: string, more = {}) => bench.run('file_delete', { path }, more)

/** The same trash with other bounds, and with a clock that is ahead. */
function trashOf(more: { days?: number; megabytes?: number; aheadMs?: number } = {}): Trash {
  const { days = 30, megabytes = 1_024, aheadMs = 0 } = more
  return createTrash({
    home: bench.home,
    workspace: bench.workspace,
    roots: [],
    config: { 'tools.trashDays': days, 'tools.trashMegabytes': megabytes },
    clock: { now: () => Date.now() + aheadMs },
    newId: () => `other-${Math.random()}`,
  })
}

test('a file is gone, is listed with where it lay and who took it, and comes back', async () => {
  put('docs/a.txt', 'alpha')
  const { output } = await remove('docs/a.txt')
  expect(output).toMatch(/^Moved docs\/a.txt \(5 bytes\) to the trash\. Within 30 days .*talon trash restore \S+$/)
  expect(readdirSync(join(bench.workspace, 'docs'))).toEqual([])
  const [item] = await bench.trash.list()
  expect(item).toMatchObject({ path: 'docs/a.txt', kind: 'file', bytes: 5, tokenId: 'token', root: bench.workspace })
  expect(await bench.trash.restore(item?.id ?? '', undefined, signal)).toBe('docs/a.txt')
  expect(readFileSync(join(bench.workspace, 'docs/a.txt'), 'utf8')).toBe('alpha')
  expect(await bench.trash.list()).toEqual([])
})

test('a folder goes as one, and comes back by its path to where it is wanted', async () => {
  put('docs/deep/a.txt', 'alpha')
  put('docs/b.txt', 'b')
  expect((await remove('docs')).output).toContain('(folder, 2 files, 6 bytes)')
  expect(readdirSync(bench.workspace)).toEqual([])
  expect(await bench.trash.restore('docs', 'new/place', signal)).toBe('new/place')
  expect(readFileSync(join(bench.workspace, 'new/place/deep/a.txt'), 'utf8')).toBe('alpha')
})

test('a dry run says what it would do and does nothing', async () => {
  put('a.txt', 'alpha')
  expect((await remove('a.txt', { dryRun: true })).output).toMatch(/^Would move a.txt \(5 bytes\) to the trash/)
  expect(readdirSync(bench.workspace)).toEqual(['a.txt'])
  expect(existsSync(join(bench.home, 'trash'))).toBe(false)
})

test('nothing that was put in the place meanwhile is overwritten', async () => {
  put('a.txt', 'old')
  await remove('a.txt')
  put('a.txt', 'new')
  const [item] = await bench.trash.list()
  await expect(bench.trash.restore(item?.id ?? '', undefined, signal)).rejects.toMatchObject({ code: 'CONFLICT' })
  expect(readFileSync(join(bench.workspace, 'a.txt'), 'utf8')).toBe('new')
  expect(await bench.trash.list()).toHaveLength(1)
})

test('nothing comes back through a link that a tool put on the way', async () => {
  put('docs/a.txt', 'alpha')
  await remove('docs/a.txt')
  mkdirSync(join(bench.home, 'outside'))
  await remove('docs')
  symlinkSync(join(bench.home, 'outside'), join(bench.workspace, 'docs'))
  await expect(bench.trash.restore('docs/a.txt', undefined, signal)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  await expect(bench.trash.restore('docs/a.txt', '../outside/a.txt', signal)).rejects.toMatchObject({
    code: 'FORBIDDEN',
  })
  expect(readdirSync(join(bench.home, 'outside'))).toEqual([])
})

test('no tool reaches the trash', async () => {
  put('a.txt', 'alpha')
  await remove('a.txt')
  const [item] = await bench.trash.list()
  for (const path of ['../trash', join(bench.home, 'trash', item?.id ?? '', 'content')]) {
    for (const tool of ['file_read', 'file_list', 'file_info', 'file_delete']) {
      expect(await bench.run(tool, { path })).toMatchObject({ success: false, code: 'FORBIDDEN' })
    }
  }
  await expect(workbench({ config: { 'tools.workspace': 'trash' } })).rejects.toThrow(/Talon itself uses/)
})

test('what is too old goes for good, and so does the oldest of too much', async () => {
  for (const name of ['a', 'b', 'c']) {
    put(name, 'x'.repeat(400_000))
    await remove(name)
  }
  await trashOf({ days: 2, aheadMs: 86_400_000 }).prune()
  expect(await bench.trash.list()).toHaveLength(3)
  await trashOf({ megabytes: 1 }).prune()
  expect((await bench.trash.list()).map(item => item.path).sort()).toHaveLength(2)
  await trashOf({ days: 2, aheadMs: 3 * 86_400_000 }).prune()
  expect(await bench.trash.list()).toEqual([])
  expect(readdirSync(join(bench.home, 'trash'))).toEqual([])
})

test('what the trash could not hold is refused and stays', async () => {
  await using small = await workbench({ config: { 'tools.trashMegabytes': 1 } })
  writeFileSync(join(small.workspace, 'big'), Buffer.alloc(1_048_577))
  expect(await small.run('file_delete', { path: 'big' })).toMatchObject({
    success: false,
    code: 'TOO_LARGE',
    error: expect.stringMatching(/tools.trashMegabytes/),
  })
  expect(readdirSync(small.workspace)).toEqual(['big'])
  expect(await small.trash.list()).toEqual([])
})

test('a trash that is filled again and again stays within its bound', async () => {
  await using small = await workbench({ config: { 'tools.trashMegabytes': 1 } })
  for (let round = 0; round < 8; round++) {
    writeFileSync(join(small.workspace, 'big'), Buffer.alloc(400_000))
    expect(await small.run('file_delete', { path: 'big' })).toMatchObject({ success: true })
  }
  expect(await small.trash.list()).toHaveLength(2)
})

test('emptying removes all, or what is older than some days', async () => {
  put('a', 'x')
  await remove('a')
  expect(await trashOf().empty(1)).toEqual([])
  expect(await trashOf({ aheadMs: 2 * 86_400_000 }).empty(1)).toHaveLength(1)
  put('a', 'x')
  await remove('a')
  expect(await trashOf().empty()).toHaveLength(1)
  expect(await bench.trash.list()).toEqual([])
})

test('what a crash left without its content is not listed, and goes after a day', async () => {
  const broken = join(bench.home, 'trash/id-broken')
  mkdirSync(broken, { recursive: true })
  writeFileSync(join(broken, 'origin.json'), '{"path":"a"')
  expect(await bench.trash.list()).toEqual([])
  await bench.trash.prune()
  expect(existsSync(broken)).toBe(true)
  await trashOf({ aheadMs: 2 * 86_400_000 }).prune()
  expect(existsSync(broken)).toBe(false)
})

test('an item that is not there is told apart', async () => {
  await expect(bench.trash.restore('nope', undefined, signal)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})
