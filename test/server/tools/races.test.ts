import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Workbench, workbench } from './workbench.ts'

const rounds = 400

/** A process that swaps two names of the workspace as fast as it can, until it is ended. */
async function swapping(bench: Workbench, script: string): Promise<AsyncDisposable> {
  const source = `
    const fs = require('node:fs')
    process.chdir(${JSON.stringify(bench.workspace)})
    process.stdout.write('ready')
    const outside = ${JSON.stringify(join(bench.home, 'outside'))}
    for (;;) { try { ${script} } catch {} }`
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return { [Symbol.asyncDispose]: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

async function bench(): Promise<Workbench> {
  const made = await workbench()
  mkdirSync(join(made.home, 'outside'))
  writeFileSync(join(made.home, 'outside/a.txt'), 'OUTSIDE')
  mkdirSync(join(made.workspace, 'real'))
  writeFileSync(join(made.workspace, 'real/a.txt'), 'inside')
  return made
}

const swapFolder = `
  fs.renameSync('real', 'dir'); fs.renameSync('dir', 'real')
  fs.symlinkSync(outside, 'dir'); fs.unlinkSync('dir')`
// A move makes folders that are missing.
const swapMadeFolder = `try { fs.rmdirSync('dir') } catch {} ${swapFolder}`
const swapFile = `
  fs.linkSync('real/a.txt', 'file'); fs.unlinkSync('file')
  fs.symlinkSync(outside + '/a.txt', 'file'); fs.unlinkSync('file')`

test.each([
  ['a folder', swapFolder, 'dir/a.txt'],
  ['a file', swapFile, 'file'],
])(
  'while %s is swapped for a link, no read ever gives what lies outside',
  { timeout: 60_000 },
  async (_, script, path) => {
    await using made = await bench()
    await using _swapping = await swapping(made, script)
    const seen = new Set<string>()
    for (let round = 0; round < rounds; round++) {
      const reads = [
        made.run('file_read', { path }),
        made.run('file_search', { path: '.', query: 'SIDE' }),
        made.run('file_list', { path: '.', recursive: true }),
      ]
      for (const { output, error, code } of await Promise.all(reads)) {
        expect(output.replace('"SIDE"', '')).not.toContain('OUTSIDE')
        expect(code).not.toBe('INTERNAL')
        seen.add(error ?? 'read')
      }
    }
    // Both sides of the race were met, or it proved nothing.
    expect(seen.has('read')).toBe(true)
    expect(seen.size).toBeGreaterThan(1)
  },
)

test.each([
  ['a folder', swapFolder, 'dir/new.txt'],
  ['a file', swapFile, 'file'],
])('while %s is swapped for a link, no write ever lands outside', { timeout: 60_000 }, async (_, script, path) => {
  await using made = await bench()
  await using _swapping = await swapping(made, script)
  for (let round = 0; round < rounds; round++) {
    const append = round % 2 === 0
    const { code } = await made.run('file_write', { path, content: 'written', append })
    expect(code).not.toBe('INTERNAL')
  }
  expect(readdirSync(join(made.home, 'outside'))).toEqual(['a.txt'])
  expect(readFileSync(join(made.home, 'outside/a.txt'), 'utf8')).toBe('OUTSIDE')
})

test('two writers of one file leave the whole text of one of them', async () => {
  await using made = await bench()
  const texts = ['a', 'b', 'c', 'd'].map(letter => letter.repeat(200_000))
  await Promise.all(texts.map(content => made.run('file_write', { path: 'both.txt', content })))
  expect(texts).toContain(readFileSync(join(made.workspace, 'both.txt'), 'utf8'))
  expect(readdirSync(made.workspace).sort()).toEqual(['both.txt', 'real'])
  expect(existsSync(join(made.workspace, 'real/a.txt'))).toBe(true)
})

// The folder goes by another name now and then.
async function put(made: Workbench, path: string): Promise<void> {
  for (;;) {
    try {
      return writeFileSync(join(made.workspace, path), 'mine')
    } catch {
      await setImmediate()
    }
  }
}

test.each([
  ['a folder', swapFolder, 'dir/a.txt'],
  ['a file', swapFile, 'file'],
])(
  'while %s is swapped for a link, no edit, delete or look reaches outside',
  { timeout: 60_000 },
  async (_, script, path) => {
    await using made = await bench()
    await using _swapping = await swapping(made, script)
    for (let round = 0; round < rounds / 2; round++) {
      const outcomes = [
        await made.run('file_edit', { path, oldText: 'SIDE', newText: 'pwned' }),
        await made.run('file_edit', { path, oldText: 'OUT', newText: 'pwned' }, { dryRun: true }),
        await made.run('file_info', { path }),
        await made.run('json_query', { path, query: '@' }),
        // It would end the race by taking away what is swapped.
        await made.run('file_delete', { path }, { dryRun: round % 50 !== 0 }),
      ]
      for (const { output, error, code } of outcomes) {
        expect(`${output}${error}`.replaceAll('"SIDE"', '')).not.toContain('OUTSIDE')
        expect(code).not.toBe('INTERNAL')
      }
      if (round % 50 === 0) await put(made, 'real/a.txt')
    }
    expect(readdirSync(join(made.home, 'outside'))).toEqual(['a.txt'])
    expect(readFileSync(join(made.home, 'outside/a.txt'), 'utf8')).toBe('OUTSIDE')
    for (const item of await made.trash.list()) {
      const content = join(made.home, 'trash', item.id, 'content')
      if (lstatSync(content).isFile()) expect(readFileSync(content, 'utf8')).not.toContain('OUTSIDE')
    }
  },
)

test.each([
  ['its source', 'dir/mine.txt', 'target.txt'],
  ['its target', 'mine.txt', 'dir/target.txt'],
])(
  'while the folder of %s is swapped for a link, no move takes from outside or puts there',
  { timeout: 60_000 },
  async (_, from, to) => {
    await using made = await bench()
    writeFileSync(join(made.home, 'outside/mine.txt'), 'OUTSIDE')
    await using _swapping = await swapping(made, swapMadeFolder)
    let moved = 0
    for (let round = 0; round < rounds; round++) {
      // "dir" is "real" by turns; both are only ever made inside.
      await put(made, from.replace('dir/', 'real/'))
      const { success, code } = await made.run('file_move', { from, to })
      expect(code).not.toBe('INTERNAL')
      if (!success) continue
      moved += 1
      for (const place of [to, to.replace('dir/', 'real/')]) rmSync(join(made.workspace, place), { force: true })
    }
    expect(readdirSync(join(made.home, 'outside')).sort()).toEqual(['a.txt', 'mine.txt'])
    expect(readFileSync(join(made.home, 'outside/mine.txt'), 'utf8')).toBe('OUTSIDE')
    expect(moved).toBeGreaterThan(0)
  },
)

test('while a folder is swapped for a link, neither ripgrep nor SQLite is led outside', {
  timeout: 120_000,
}, async () => {
  await using made = await bench()
  await made.tools.start()
  for (const [folder, text] of [
    ['outside', 'OUTSIDE'],
    ['workspace/real', 'inside'],
  ] as const) {
    const database = new DatabaseSync(join(made.home, folder, 'a.db'))
    database.exec(`CREATE TABLE t (x); INSERT INTO t VALUES ('${text}')`)
    database.close()
  }
  await using _swapping = await swapping(made, swapFolder)
  for (let round = 0; round < rounds / 8; round++) {
    const outcomes = [
      await made.run('file_search', { path: 'dir', query: 'SIDE' }),
      await made.run('file_search', { path: '.', query: 'SIDE' }),
      await made.run('sqlite_query', { path: 'dir/a.db', query: 'SELECT x FROM t' }),
    ]
    for (const { output, code } of outcomes) {
      expect(output.replace('"SIDE"', '')).not.toContain('OUTSIDE')
      expect(code).not.toBe('INTERNAL')
    }
  }
})
