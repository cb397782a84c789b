import { execFileSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { keptFreeBytes, spareBytesAt } from '../../src/db/sqlite/kept-free.ts'
import { openSmallDisk, whyNoSmallDisk } from '../support/small-disk.ts'
import { temporaryHome } from '../support/store.ts'

const mebibyte = 1024 * 1024
const source = fileURLToPath(new URL('../../src/db/sqlite/kept-free.ts', import.meta.url))

test('64 MB are kept free, or a tenth of a smaller disk; what is set counts as it is', () => {
  const { home, remove } = temporaryHome()
  onTestFinished(remove)
  const { blocks, bsize } = statfsSync(home)
  expect(spareBytesAt(home)).toBe(Math.min(64 * mebibyte, Math.floor((blocks * bsize) / 10)))
  expect(keptFreeBytes(home, null)).toBe(spareBytesAt(home))
  expect(keptFreeBytes(home, 64_000)).toBe(64_000 * mebibyte)
})

test('a disk of 16 MB is not full from the beginning', async context => {
  const noDisk = whyNoSmallDisk()
  if (noDisk !== undefined) context.skip(noDisk)
  const disk = await openSmallDisk(16)
  onTestFinished(() => disk.close())
  const [program = '', ...enter] = disk.enter
  const script = `import(${JSON.stringify(source)}).then(({ keptFreeBytes }) => console.log(keptFreeBytes(process.argv[1], null)))`
  const kept = execFileSync(program, [...enter, process.execPath, '-e', script, disk.folder], { encoding: 'utf8' })
  expect(Number(kept)).toBe(Math.floor((16 * mebibyte) / 10))
})
