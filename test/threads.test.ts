import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { buildThreads, rebuildThreads, removeThreads } from './support/threads.ts'

const shared = process.env.BUILT_THREADS

afterAll(() => {
  removeThreads()
  process.env.BUILT_THREADS = shared
})

const writer = () => fileURLToPath(`${process.env.BUILT_THREADS}/writer.js`)

test('a run of tests copies what its threads run, and clears away what one that was killed left behind', () => {
  const { pid } = spawnSync(process.execPath, ['--version'])
  const leftOver = join(import.meta.dirname, '..', 'node_modules', `.talon-threads-${pid}`)
  mkdirSync(leftOver)
  buildThreads()
  expect(process.env.BUILT_THREADS).not.toBe(shared)
  expect([existsSync(writer()), existsSync(leftOver)]).toEqual([true, false])
  // That of the run itself is still there.
  expect(existsSync(fileURLToPath(`${shared}/writer.js`))).toBe(true)
})

test('a source that cannot be built ends no watch of the tests, and lets no thread run what was built before', () => {
  buildThreads()
  rebuildThreads(() => {
    throw new Error('The build failed, as this test wants it.')
  })
  expect(existsSync(writer())).toBe(false)
  rebuildThreads()
  expect(existsSync(writer())).toBe(true)
})
