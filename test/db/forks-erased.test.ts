import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { commitBatch, type Order } from '../../src/db/sqlite/commit.ts'
import { openSqliteStore } from '../../src/db/sqlite/engine.ts'
import { migrate } from '../../src/db/sqlite/migrate.ts'
import { type Connection, openWriter, prepareFile } from '../../src/db/sqlite/open.ts'
import { migrationsDir, temporaryHome } from '../support/store.ts'

const child = fileURLToPath(new URL('./children/erase-until-killed.ts', import.meta.url))
// More than three steps of erasing, of which the fork shows somewhat more than one.
const written = 3_500
const shown = 1_200

function obey(connection: Connection, ...orders: Order[]): unknown[] {
  const { settled } = commitBatch(connection, orders)
  return settled.map(outcome => {
    if (!outcome.ok) throw new Error(outcome.error.message)
    return outcome.result
  })
}

const make = (id: string): Order => ({
  name: 'createSession',
  input: { id, senderId: 'ann', channel: 'web', title: `title of ${id}`, config: { of: id }, at: 1 },
})
const say = (sessionId: string, seq: number): Order => ({
  name: 'sendMessage',
  input: {
    target: { sessionId },
    messageId: `${sessionId}-${seq}`,
    runId: `run-${sessionId}-${seq}`,
    text: `text of ${sessionId}-${seq}`,
    tokenId: 't',
    at: 1,
  },
})
const fork = (id: string, sessionId: string, atSeq: number): Order => ({
  name: 'forkSession',
  input: { id, sessionId, atSeq, at: 1 },
})
const remove = (sessionId: string, at = 2): Order => ({
  name: 'deleteSession',
  input: { sessionId, at, cut: { messageId: `cut-${sessionId}` } },
})

async function database(): Promise<{ file: string; home: string; connection: Connection }> {
  const { file, home, remove } = temporaryHome()
  prepareFile(file)
  const connection = openWriter(file)
  await migrate(connection, { migrationsDir, backupsDir: home, now: 1 })
  onTestFinished(() => {
    if (connection.database.open) connection.close()
    remove()
  })
  return { file, home, connection }
}

const count = (connection: Connection, sessionId: string) =>
  connection.database.prepare('SELECT count(*) FROM messages WHERE session_id = ?').pluck().get(sessionId)
const names = (name: string, to: number) => Array.from({ length: to }, (_, index) => `${name}-${index + 1}`)
const each = (sessionId: string, messages: number) =>
  Array.from({ length: messages }, (_, index) => say(sessionId, index + 1))

/** Erases to the end and gives how many steps that took. */
function erase(connection: Connection, between: () => void = () => {}): number {
  for (let steps = 1; ; steps++) {
    const [step] = obey(connection, { name: 'eraseStep', input: { before: 9 } }) as [{ more: boolean }]
    between()
    if (!step.more) return steps
    expect(steps).toBeLessThan(50)
  }
}

async function shownBy(file: string, sessionId: string): Promise<string[]> {
  const store = await openSqliteStore({ file, migrationsDir })
  try {
    const { entries } = await store.history({ sessionId, epoch: 1, after: 0, limit: 1e5, maxBytes: 1e9 })
    return entries.map(({ message }) => message.id)
  } finally {
    await store.close()
  }
}

test('what a fork shows of an erased session stays, at each step, until the fork is erased too', async () => {
  const { file, connection } = await database()
  obey(connection, make('s'), ...each('s', written), fork('f', 's', shown), say('f', shown + 1), remove('s'))
  const logs: unknown[] = []
  erase(connection, () => logs.push(count(connection, 's')))
  expect(logs.slice(0, 4)).toEqual([2_500, 1_500, shown, shown])
  const source = connection.database.prepare('SELECT * FROM sessions WHERE id = ?').get('s')
  expect(source).toMatchObject({
    erasing: 1,
    held: 1,
    title: null,
    config: null,
    sender_name: null,
    memory_summary: null,
  })
  expect(() => obey(connection, { name: 'restoreSession', input: { sessionId: 's', at: 3 } })).toThrow()
  expect(await shownBy(file, 'f')).toEqual([...names('s', shown), `f-${shown + 1}`])
  // Nothing is left to do, however often it is tried.
  expect(erase(connection)).toBe(1)

  obey(connection, remove('f'))
  erase(connection)
  const left = connection.database.prepare('SELECT count(*) FROM sessions').pluck()
  expect([left.get(), count(connection, 's'), count(connection, 'f')]).toEqual([0, 0, 0])
  expect(connection.database.prepare('SELECT count(*) FROM session_bases').pluck().get()).toBe(0)
})

test('a session is held by its longest fork, and given up as far as that one goes', async () => {
  const { connection } = await database()
  const forks = [fork('short', 's', 2), fork('long', 's', 5), fork('hidden', 's', 4)]
  obey(connection, make('s'), ...each('s', 8), ...forks, remove('s'), remove('hidden', 20))
  erase(connection)
  expect(count(connection, 's')).toBe(5)
  obey(connection, remove('long'))
  erase(connection)
  // A fork that can be restored holds what it would show.
  expect(count(connection, 's')).toBe(4)
  obey(connection, { name: 'restoreSession', input: { sessionId: 'hidden', at: 21 } }, remove('hidden'))
  erase(connection)
  expect(count(connection, 's')).toBe(2)
})

test('in a line of forks each holds its own part, and the ends may go in any order', async () => {
  const { file, connection } = await database()
  obey(connection, make('a'), ...each('a', 4), fork('b', 'a', 3), say('b', 4), say('b', 5))
  obey(connection, fork('c', 'b', 4), say('c', 5), remove('a'), remove('b'))
  erase(connection)
  expect([count(connection, 'a'), count(connection, 'b')]).toEqual([3, 1])
  expect(await shownBy(file, 'c')).toEqual([...names('a', 3), 'b-4', 'c-5'])
  obey(connection, remove('c'))
  erase(connection)
  expect(connection.database.prepare('SELECT id FROM sessions').all()).toEqual([])
})

test('archived epochs that are forked are held by themselves, and those between them go', async () => {
  const { file, connection } = await database()
  const reset = (): Order => ({ name: 'resetSession', input: { sessionId: 's', at: 1, cut: { messageId: 'cut' } } })
  obey(
    connection,
    make('s'),
    say('s', 1),
    say('s', 2),
    reset(),
    say('s', 3),
    reset(),
    say('s', 4),
    say('s', 5),
    reset(),
  )
  const first: Order = { name: 'forkSession', input: { id: 'f1', sessionId: 's', epoch: 1, atSeq: 1, at: 1 } }
  const third: Order = { name: 'forkSession', input: { id: 'f3', sessionId: 's', epoch: 3, atSeq: 2, at: 1 } }
  obey(connection, say('s', 6), first, third, remove('s'))
  erase(connection)
  const left = connection.database.prepare('SELECT id FROM messages ORDER BY epoch, seq').pluck()
  expect(left.all()).toEqual(['s-1', 's-4', 's-5'])
  expect([await shownBy(file, 'f1'), await shownBy(file, 'f3')]).toEqual([['s-1'], ['s-4', 's-5']])
})

test('kill -9 while a source is erased leaves its fork whole, and the next start finishes the work', async () => {
  const { file, home, connection } = await database()
  obey(connection, make('s'), ...each('s', written), fork('f', 's', shown), remove('s'))
  connection.close()
  for (const steps of [1, 2, 3, 4]) {
    const copy = join(home, `copy-${steps}.db`)
    copyFileSync(file, copy)
    const erasing = spawn(process.execPath, [child, copy], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(erasing, 'exit')
    let seen = 0
    for await (const _line of createInterface({ input: erasing.stdout })) if (++seen === steps) erasing.kill('SIGKILL')
    await exited
    expect(await shownBy(copy, 'f')).toEqual(names('s', shown))
    const store = await openSqliteStore({ file: copy, migrationsDir })
    await store.eraseDeleted({ before: 9 })
    await store.close()
    expect(await shownBy(copy, 'f')).toEqual(names('s', shown))
    const database = new Database(copy, { readonly: true })
    expect(database.prepare('SELECT count(*) FROM messages').pluck().get()).toBe(shown)
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(database.pragma('foreign_key_check')).toEqual([])
    database.close()
  }
}, 60_000)
