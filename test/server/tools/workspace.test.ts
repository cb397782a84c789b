import { constants, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openChild, openFile, openFolder, openWorkspace } from '../../../src/server/tools/workspace.ts'

let base: string

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'talon-jail-'))
  mkdirSync(join(base, 'files/docs'), { recursive: true })
  mkdirSync(join(base, 'outside'))
  writeFileSync(join(base, 'files/docs/a.txt'), 'inside')
  writeFileSync(join(base, 'outside/a.txt'), 'outside')
})
afterEach(() => rmSync(base, { recursive: true, force: true }))

describe.each([
  ['with /proc', true],
  ['without /proc', false],
])('the jail %s', (_, descriptors) => {
  test('opens what lies inside', async () => {
    await using root = await openWorkspace(join(base, 'files'), { descriptors })
    await using folder = await openFolder(root, ['docs'])
    await using file = await openFile(folder, 'a.txt', constants.O_RDONLY)
    expect(await file.readFile('utf8')).toBe('inside')
  })

  test('follows no link, to a file or a folder', async () => {
    symlinkSync('../outside', join(base, 'files/out'))
    symlinkSync('a.txt', join(base, 'files/docs/b.txt'))
    await using root = await openWorkspace(join(base, 'files'), { descriptors })
    await expect(openFolder(root, ['out'])).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await using folder = await openFolder(root, ['docs'])
    await expect(openFile(folder, 'b.txt', constants.O_RDONLY)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  test('sees that an open folder was swapped for a link to another', async () => {
    await using root = await openWorkspace(join(base, 'files'), { descriptors })
    await using folder = await openFolder(root, ['docs'])
    renameSync(join(base, 'files/docs'), join(base, 'files/old'))
    symlinkSync('../outside', join(base, 'files/docs'))
    const text = await openFile(folder, 'a.txt', constants.O_RDONLY).then(
      async file => {
        await using open = file
        return await open.readFile('utf8')
      },
      error => error.code,
    )
    // By descriptor the folder is still the right one; by path it is found to be another.
    expect(text).toBe(descriptors ? 'inside' : 'FORBIDDEN')
  })

  test('refuses what was moved out of the workspace while it was open', async () => {
    await using root = await openWorkspace(join(base, 'files'), { descriptors })
    await using folder = await openFolder(root, ['docs'])
    mkdirSync(join(base, 'files/docs/deep'))
    renameSync(join(base, 'files/docs'), join(base, 'moved'))
    await expect(openFile(folder, 'a.txt', constants.O_RDONLY)).rejects.toMatchObject({ code: expect.any(String) })
    await expect(openChild(folder, 'deep')).rejects.toMatchObject({ code: expect.any(String) })
  })

  test('makes missing folders for their owner alone, and none through a link', async () => {
    symlinkSync('../outside', join(base, 'files/out'))
    await using root = await openWorkspace(join(base, 'files'), { descriptors })
    await using made = await openFolder(root, ['x', 'y', 'z'], true)
    expect((await made.handle.stat()).mode & 0o777).toBe(0o700)
    await expect(openFolder(root, ['out', 'new'], true)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })
})
