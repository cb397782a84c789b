import { expect, onTestFinished, test } from 'vitest'
import { doChores } from '../../src/db/sqlite/chores.ts'
import { commitBatch, type Order } from '../../src/db/sqlite/commit.ts'
import { openSqliteStore } from '../../src/db/sqlite/engine.ts'
import { migrate } from '../../src/db/sqlite/migrate.ts'
import { type Connection, openWriter, prepareFile } from '../../src/db/sqlite/open.ts'
import { migrationsDir, requestKey, temporaryHome, temporaryStore } from '../support/store.ts'

const origin = { sessionId: null, tainted: false, at: 1 }

async function opened() {
  const { store, dispose } = await temporaryStore()
  onTestFinished(dispose)
  return store
}

/** A database with a writing connection that does no chores by itself. */
async function writer(): Promise<{ connection: Connection; file: string }> {
  const { file, remove } = temporaryHome()
  prepareFile(file)
  const connection = openWriter(file)
  onTestFinished(() => {
    if (connection.database.open) connection.close()
    remove()
  })
  await migrate(connection, { migrationsDir, backupsDir: undefined, now: 1 })
  return { connection, file }
}

function write(connection: Connection, orders: Order[]): void {
  expect(commitBatch(connection, orders).settled.filter(({ ok }) => !ok)).toEqual([])
}

function settle(connection: Connection): void {
  for (let more = true; more; ) more = doChores(connection)
}

/** Whether the parts of the index hold these letters, found or not. */
function holds(connection: Connection, index: string, letters: string): boolean {
  const sql = `SELECT count(*) FROM ${index}_data WHERE instr(block, CAST(? AS BLOB)) > 0`
  return connection.database.prepare(sql).pluck().get(letters) !== 0
}

const state = (connection: Connection) => connection.database.prepare('SELECT * FROM memory_state').get()

test('words of what is deleted leave the indexes for good', async () => {
  const { connection, file } = await writer()
  const forget = (kind: 'memory' | 'note'): Order => ({ name: 'forget', input: { what: { kind, id: 1 } } })
  for (const text of ['zzsecretword', 'stays']) {
    write(connection, [{ name: 'appendMemory', input: { ...origin, text, category: 'c' } }])
    write(connection, [{ name: 'saveNote', input: { ...origin, title: text, content: text } }])
  }
  settle(connection)
  for (const index of ['memory_index', 'note_index']) expect(holds(connection, index, 'zzsecretword')).toBe(true)
  write(connection, [forget('memory'), forget('note')])
  settle(connection)
  for (const index of ['memory_index', 'note_index']) {
    expect(holds(connection, index, 'zzsecretword')).toBe(false)
    connection.database.exec(`INSERT INTO ${index} (${index}) VALUES ('integrity-check')`)
  }
  expect(state(connection)).toMatchObject({ merging: 0, purge_steps: 0, entries: 1, notes: 1, bytes: 5 + 5 + 5 + 2 })
  expect(doChores(connection)).toBe(false)
  connection.close()
  const store = await openSqliteStore({ file, migrationsDir })
  onTestFinished(() => store.close())
  expect((await store.searchMemory({ query: 'stays', limit: 5 })).hits).toMatchObject([{ id: 2 }])
  expect((await store.searchNotes({ query: 'zzsecretword', limit: 5 })).hits).toEqual([])
})

test('the parts of the indexes are merged while nobody waits, and stay few', async () => {
  const { connection } = await writer()
  for (let at = 0; at < 200; at++) {
    write(connection, [{ name: 'appendMemory', input: { ...origin, text: `text ${at}`, category: 'c' } }])
    doChores(connection)
  }
  settle(connection)
  const segments = connection.database.prepare('SELECT count(DISTINCT segid) FROM memory_index_idx').pluck().get()
  expect(segments).toBeLessThan(30)
  connection.database.exec("INSERT INTO memory_index (memory_index) VALUES ('integrity-check')")
})

test('there is room for 100,000 of each kind, and the next is refused with what to do', async () => {
  const { connection } = await writer()
  connection.database.exec('UPDATE memory_state SET entries = 99999, notes = 99999, tasks = 99999')
  const orders: Order[] = [
    { name: 'appendMemory', input: { ...origin, text: 't', category: 'c' } },
    { name: 'saveNote', input: { ...origin, title: 't', content: 'c' } },
    { name: 'addTask', input: { ...origin, title: 't', description: '', priority: 'low' } },
  ]
  write(connection, orders)
  const others = orders.map(order => ({ ...order, input: { ...Object(order.input), title: 'u' } }))
  for (const settled of commitBatch(connection, others).settled) {
    expect(settled).toMatchObject({
      ok: false,
      error: { code: 'CONFLICT', message: expect.stringContaining('DELETE /api/v1/') },
    })
  }
  // A note that is there can be saved all the same.
  write(connection, [{ name: 'saveNote', input: { ...origin, title: 'T', content: 'd' } }])
})

test('texts together have a bound, and what is deleted makes room', async () => {
  const { connection } = await writer()
  const add: Order = { name: 'appendMemory', input: { ...origin, text: 'text', category: 'c' } }
  write(connection, [add])
  connection.database.exec(`UPDATE memory_state SET bytes = ${1024 * 1024 * 1024}`)
  expect(commitBatch(connection, [add]).settled).toMatchObject([{ ok: false, error: { code: 'TOO_LARGE' } }])
  write(connection, [{ name: 'forget', input: { what: { kind: 'memory', id: 1 } } }, add])
})

test('a note keeps ten older versions, facts and the persona fifty of all', async () => {
  const store = await opened()
  for (let at = 1; at <= 60; at++) {
    await store.saveNote({ ...origin, title: 'note', content: `c${at}` })
    await store.mergeFacts({ ...origin, patch: { at } })
    await store.savePersona({ ...origin, content: `persona ${at}` })
  }
  const there = async (read: (version: number) => Promise<unknown>) => {
    const versions = Array.from({ length: 60 }, (_, at) => at + 1)
    const found = await Promise.all(versions.map(version => read(version)))
    return versions.filter((_, at) => found[at] !== undefined)
  }
  expect((await there(version => store.getNote(1, version)))[0]).toBe(50)
  expect((await there(version => store.getFacts(version)))[0]).toBe(11)
  expect((await there(version => store.getPersona(version)))[0]).toBe(11)
  await store.forget({ what: { kind: 'note', id: 1 } })
  expect(await store.memoryCounts()).toMatchObject({ notes: 0, bytes: 0 })
})

test('a request that is repeated keeps nothing twice', async () => {
  const store = await opened()
  for (const duplicate of [false, true]) {
    const input = (id: string) => ({ ...origin, request: requestKey(id) })
    expect(await store.appendMemory({ ...input('a'), text: 't', category: 'c' })).toMatchObject({ id: 1, duplicate })
    expect(await store.saveNote({ ...input('b'), title: 't', content: 'c' })).toMatchObject({ version: 1, duplicate })
    expect(await store.mergeFacts({ ...input('c'), patch: { a: 1 } })).toMatchObject({ version: 1, duplicate })
    const task = { title: 't', description: '', priority: 'low' } as const
    expect(await store.addTask({ ...input('d'), ...task })).toMatchObject({ id: 1, duplicate })
    const done = await store.completeTask({ id: 1, at: 2, request: requestKey('e') })
    expect(done).toMatchObject({ already: false, duplicate })
  }
  expect(await store.memoryCounts()).toMatchObject({ entries: 1, notes: 1, tasks: 1, pendingTasks: 0 })
})

test('a command that fails beside others undoes its own count alone', async () => {
  const store = await opened()
  const good = store.addTask({ ...origin, title: 't', description: '', priority: 'low' })
  const bad = store.completeTask({ id: 77, at: 1 })
  await expect(bad).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await good).toMatchObject({ id: 1 })
  expect(await store.memoryCounts()).toMatchObject({ tasks: 1, pendingTasks: 1 })
})

test('dates narrow what is found, and alone they list the newest', async () => {
  const store = await opened()
  for (const day of [1, 2, 3]) {
    const at = Date.UTC(2026, 0, day)
    await store.appendMemory({ ...origin, at, text: `fox ${day}`, category: 'c' })
    await store.saveNote({ ...origin, at, title: `fox ${day}`, content: 'c' })
  }
  for (const query of ['fox after:2026-01-02', 'after:2026-01-02', 'after:2026-01-01 -1']) {
    const memory = await store.searchMemory({ query, limit: 5 })
    const notes = await store.searchNotes({ query, limit: 5 })
    expect({ query, ids: memory.hits.map(({ id }) => id) }).toEqual({ query, ids: [3, 2] })
    expect({ query, ids: notes.hits.map(({ id }) => id) }).toEqual({ query, ids: [3, 2] })
  }
})
