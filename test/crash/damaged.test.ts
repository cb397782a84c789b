import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import {
  endedProgram,
  type Installed,
  installProgram,
  openDatabase,
  type ProgramOptions,
  startProgram,
} from '../support/program.ts'
import { openSmallDisk, whyNoSmallDisk } from '../support/small-disk.ts'

const pageBytes = 4_096
// More than is checked in the thread that starts.
const largeBytes = 12 * 1024 * 1024
const diskMegabytes = 24

let installed: Installed
beforeAll(() => {
  installed = installProgram()
}, 120_000)
afterAll(() => installed.remove())

test('a damaged database ends the start with 74 and a sentence; --set-aside begins anew, and only then', async () => {
  const home = mkdtempSync(join(tmpdir(), 'talon-damaged-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  await (await start({ home })).stop()
  enlarge(home)
  const file = join(home, 'gateway.db')
  garble(file, 'idx_messages_timestamp')
  const before = readFileSync(file)

  const { code, out, err } = await endedProgram(installed, { home })
  expect({ code, out }).toEqual({ code: 74, out: '' })
  expect(err).toContain(`The database ${file} is damaged: `)
  expect(err).toMatch(/ Nothing was changed\. .* talon start --set-aside .*\n$/)
  expect(err.split('\n')).toHaveLength(2)
  expect(readFileSync(file).equals(before)).toBe(true)

  expect((await (await start({ home, argv: ['--set-aside'] })).stop()).code).toBe(0)
  const aside = readdirSync(home).filter(name => name.startsWith('gateway.db.damaged-') && !name.endsWith('-shm'))
  expect(aside.filter(name => !name.endsWith('-wal'))).toHaveLength(1)
  expect(readFileSync(join(home, aside[0] ?? '')).equals(before)).toBe(true)

  // The new one is well, and stays.
  expect((await (await start({ home, argv: ['--set-aside'] })).stop()).code).toBe(0)
  expect(readdirSync(home).filter(name => aside.includes(name))).toEqual(aside)
  expect(readdirSync(home).filter(name => name.includes('damaged') && !name.endsWith('-shm'))).toEqual(aside)
}, 60_000)

test('a disk that is mounted read-only ends the start with the reason, and nothing on it is changed', async ctx => {
  const noDisk = whyNoSmallDisk()
  if (noDisk !== undefined) ctx.skip(noDisk)
  const disk = await openSmallDisk(diskMegabytes)
  onTestFinished(() => disk.close())
  const options = { home: join(disk.folder, 'home'), disk }
  await (await start(options)).stop()
  const [command = '', ...words] = [...disk.enter, 'mount', '-o', 'remount,ro', disk.folder]
  expect(spawnSync(command, words, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  const database = disk.outside(join(options.home, 'gateway.db'))
  const before = readFileSync(database)
  const { code, out, err } = await endedProgram(installed, options)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^The data folder .* cannot be written: EROFS: .*Give this account the right to write it.*\n$/)
  expect(readFileSync(database).equals(before)).toBe(true)
})

async function start(options: ProgramOptions) {
  const program = await startProgram(installed, options)
  onTestFinished(() => void program.kill9())
  return program
}

/** Fills a table that nothing reads as a whole. */
function enlarge(home: string): void {
  const database = openDatabase(home)
  const insert = database.prepare('INSERT INTO settings (key, value, updated_at) VALUES (?, ?, 1)')
  const text = 'x'.repeat(100_000)
  database.transaction(() => {
    for (let index = 0; index * text.length < largeBytes; index++) insert.run(`filler-${index}`, text)
  })()
  database.close()
}

/** Writes over the first page of an index, as a failing disk might. */
function garble(file: string, index: string): void {
  const database = openDatabase(join(file, '..'))
  const find = database.prepare<[string], number>('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck()
  const page = find.get(index) ?? 0
  database.close()
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(pageBytes, 'garbage'), 0, pageBytes, (page - 1) * pageBytes)
  closeSync(descriptor)
}
