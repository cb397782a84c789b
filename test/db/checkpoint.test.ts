import { readFileSync, statSync, watch } from 'node:fs'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { createCheckpoints } from '../../src/db/sqlite/checkpoint.ts'
import { openReader, openWriter, prepareFile } from '../../src/db/sqlite/open.ts'
import { sendUntilKilled } from '../support/killed-store.ts'
import { temporaryHome, temporaryStore } from '../support/store.ts'

const kills = 8
const pageBytes = 4_096

let place: ReturnType<typeof temporaryHome>
beforeEach(() => {
  place = temporaryHome()
})
afterEach(() => place.remove())

test(`${kills} kills in the middle of a checkpoint lose nothing that was acknowledged`, async () => {
  const acknowledged: string[] = []
  for (let round = 0; round < kills; round++) {
    let folding = false
    const ids = await sendUntilKilled({
      file: place.file,
      prefix: `r${round}`,
      lanes: 8,
      textLength: 2_000,
      checkpointPages: 20,
      onAcknowledged(count, kill) {
        if (count > 1 || folding) return
        folding = true
        // Nothing but a checkpoint writes to the database itself; each kill comes a little later into it.
        let changes = 0
        const watcher = watch(place.file, () => {
          changes += 1
          if (changes > round * 6) kill()
        })
        onTestFinished(() => watcher.close())
      },
    })
    acknowledged.push(...ids)
    const database = new Database(place.file)
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    const stored = new Set(database.prepare('SELECT id FROM messages').pluck().all())
    expect(acknowledged.filter(id => !stored.has(id))).toEqual([])
    database.close()
  }
}, 120_000)

test('the log is folded when it has grown, and used anew from its beginning', async () => {
  const { store, file, dispose } = await temporaryStore({ checkpointPages: 50 })
  onTestFinished(dispose)
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  const before = statSync(file).size
  let said = 0
  // Every message writes ten pages or more: without a checkpoint the log would hold all of them.
  const isShort = () => statSync(`${file}-wal`).size < said * 10 * pageBytes
  // A reader may hold the log for a while, on a busy machine for many messages.
  while (statSync(file).size === before || !isShort()) {
    const text = 'x'.repeat(4_000)
    await store.sendMessage({
      target: { sessionId: 's' },
      messageId: `m${said}`,
      runId: `r${said}`,
      text,
      tokenId: 't',
      at: 1,
    })
    said += 1
  }
  expect((await store.counts()).totalMessages).toBe(said)
}, 60_000)

test('a reader that holds the log keeps it whole, and once it ends all is folded', async () => {
  const writer = openWriter(newFile())
  onTestFinished(() => writer.close())
  const checkpoints = createCheckpoints(writer, 10)
  writer.database.exec('CREATE TABLE filler (text TEXT)')
  const reader = openReader(place.file)
  onTestFinished(() => reader.close())
  reader.database.exec('BEGIN')
  expect(reader.database.prepare('SELECT count(*) FROM filler').pluck().get()).toBe(0)
  fill(writer.database, 100)
  checkpoints.look()
  expect(state(writer.database).checkpointed).toBeLessThan(state(writer.database).log)
  checkpoints.cut()
  expect(statSync(`${place.file}-wal`).size).toBeGreaterThan(100 * pageBytes)
  expect(reader.database.prepare('SELECT count(*) FROM filler').pluck().get()).toBe(0)
  reader.database.exec('COMMIT')
  checkpoints.cut()
  expect(statSync(`${place.file}-wal`).size).toBe(0)
  expect(reader.database.prepare('SELECT count(*) FROM filler').pluck().get()).toBe(100)
  checkpoints.end()
})

test('a log that is not long is left alone', () => {
  const writer = openWriter(newFile())
  onTestFinished(() => writer.close())
  const checkpoints = createCheckpoints(writer)
  writer.database.exec('CREATE TABLE filler (text TEXT)')
  const before = readFileSync(place.file)
  fill(writer.database, 100)
  checkpoints.look()
  expect(state(writer.database).checkpointed).toBe(0)
  expect(readFileSync(place.file)).toEqual(before)
  checkpoints.end()
  expect(statSync(`${place.file}-wal`).size).toBe(0)
})

/** An empty database file, as a start makes it. */
function newFile(): string {
  prepareFile(place.file)
  return place.file
}

function fill(database: Database.Database, pages: number): void {
  const insert = database.prepare('INSERT INTO filler (text) VALUES (?)')
  for (let index = 0; index < pages; index++) insert.run('x'.repeat(pageBytes))
}

function state(database: Database.Database): { log: number; checkpointed: number } {
  const [row] = database.pragma('wal_checkpoint(NOOP)') as { log: number; checkpointed: number }[]
  return row ?? { log: -1, checkpointed: -1 }
}
