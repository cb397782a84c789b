import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
