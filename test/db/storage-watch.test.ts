import { truncateSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { commands } from '../../src/db/sqlite/commands.ts'
import { engineError } from '../../src/db/sqlite/errors.ts'
import { takenInMargin } from '../../src/db/sqlite/margin.ts'
import { type StorageWatchOptions, watchStorage } from '../../src/db/sqlite/storage-watch.ts'
import { temporaryHome } from '../support/store.ts'

const mebibyte = 1024 * 1024

let place: ReturnType<typeof temporaryHome>
let notices: { level: string; message: string }[]
let cuts: number
let told: boolean[]
beforeEach(() => {
  place = temporaryHome()
  notices = []
  cuts = 0
  told = []
})
afterEach(() => place.remove())

function newWatch(options: Partial<StorageWatchOptions> = {}) {
  const watch = watchStorage({
    file: place.file,
    minFreeBytes: 0,
    notices: [],
    repairs: () => 'Restore the backup.',
    oldestReadMs: () => 0,
    cutLog: () => {
      cuts += 1
    },
    onSpace: low => told.push(low),
    onNotice: notice => notices.push(notice),
    ...options,
  })
  onTestFinished(() => watch.close())
  return watch
}

function makeLog(megabytes: number): void {
  writeFileSync(`${place.file}-wal`, '')
  truncateSync(`${place.file}-wal`, megabytes * mebibyte)
}

test('a log that grows too long is told once, with the age of the read that keeps it, until it is short again', async () => {
  const watch = newWatch({ oldestReadMs: () => 12_400 })
  makeLog(60)
  await watch.look()
  expect(notices).toEqual([])
  makeLog(70)
  await watch.look()
  await watch.look()
  const message = 'The log of the database has 70 MB: a read that began 12 s ago keeps it from being folded in.'
  expect(notices).toEqual([{ level: 'warn', message }])
  expect(watch.health()).toEqual({ problems: [], notices: [message] })
  makeLog(10)
  await watch.look()
  expect(watch.health()).toEqual({ problems: [], notices: [] })
  makeLog(70)
  await watch.look()
  expect(notices).toHaveLength(2)
})

test('with too little space only what ends or removes something is taken, and the log gives its space back', async () => {
  const watch = newWatch({ minFreeBytes: Number.MAX_SAFE_INTEGER })
  makeLog(5)
  expect(watch.refusal('sendMessage')).toBeUndefined()
  await watch.look()
  await watch.look()
  expect(told).toEqual([true])
  expect(cuts).toBe(2)
  expect(notices.map(({ level }) => level)).toEqual(['warn'])
  const { problems } = watch.health()
  expect(problems).toEqual([expect.stringMatching(/^The disk of the data folder has .* MB free/)])
  for (const name of Object.keys(commands) as (keyof typeof commands)[]) {
    const refusal = watch.refusal(name)
    if (takenInMargin.has(name)) expect(refusal, name).toBeUndefined()
    else expect(refusal, name).toMatchObject({ code: 'STORAGE_UNAVAILABLE', message: problems[0] })
  }
  for (const name of ['sendMessage', 'createSession', 'appendToolResult', 'importRows', 'probe'] as const) {
    expect(takenInMargin.has(name), name).toBe(false)
  }
})

test('damage is told once and refuses every command; that of a full-text index is none', () => {
  const watch = newWatch()
  watch.noteError(engineError('SQLITE_CORRUPT_VTAB'))
  watch.noteError(engineError('SQLITE_BUSY'))
  watch.noteError(new Error('something else'))
  watch.noteError(undefined)
  expect(watch.refusal('finishRun')).toBeUndefined()
  watch.noteError(engineError('SQLITE_CORRUPT_INDEX'))
  watch.noteError(engineError('SQLITE_CORRUPT'))
  expect(notices).toEqual([
    { level: 'error', message: expect.stringMatching(/is damaged \(SQLITE_CORRUPT_INDEX\)\..* Restore the backup\.$/) },
  ])
  expect(watch.refusal('finishRun')).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  expect(watch.health().problems).toEqual(['The database is damaged: talon doctor says more, and how to go on.'])
})
