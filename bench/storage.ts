import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { openSqliteStore } from '../src/db/sqlite/engine.ts'
import type { Store } from '../src/db/store.ts'
import { frame, hello, replyTo } from './support/frames.ts'
import { measure, median } from './support/measure.ts'
import { startTalon } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

const migrationsDir = join(import.meta.dirname, '..', 'migrations')
const text = 'A message of ordinary length, as a person would write it to an assistant in the middle of a day.'
const turns = 30
const one = { connections: 1, inFlight: 1, durationMs: 3_000, warmUpMs: 500 }

/** What storage costs: a turn beside v0.3's way, lists and histories of any length. It makes its data and removes it. */
export async function storage(): Promise<Row[]> {
  const rows: Row[] = []
  for (const length of [10, 1_000, 10_000]) rows.push(await turn(length))
  for (const sessions of [10, 10_000, 1_000_000]) rows.push(await list(sessions))
  return [...rows, ...(await longHistory(1_000_000))]
}

/** Storing a question and its answer in a session that has so many messages. */
async function turn(length: number): Promise<Row> {
  return await inFolder(async home => {
    const file = fileOfV3(home, length)
    const before = median(timed(turns, () => file.addTurn()))
    const store = await openSqliteStore({ file: join(home, 'gateway.db'), home, migrationsDir })
    await store.createSession({ id: 's', senderId: 'u', channel: 'c', at: 1 })
    await fill(store, length)
    const now: number[] = []
    for (let count = 0; count < turns; count++) {
      const startedAt = performance.now()
      await addTurn(store, `turn-${count}`)
      now.push(performance.now() - startedAt)
    }
    await store.close()
    return {
      what: `a turn in a session of ${length.toLocaleString('en')} messages, durable`,
      figure: `${median(now).toFixed(2)} ms; v0.3: ${before.toFixed(2)} ms, ${(file.bytes() / 1024).toFixed(0)} KiB written, not durable`,
      ratio: `${(median(now) / before).toFixed(2)} × v0.3`,
    }
  })
}

async function addTurn(store: Store, name: string): Promise<void> {
  const [runId, at] = [`run-${name}`, Date.now()]
  await store.sendMessage({ target: { sessionId: 's' }, messageId: `q-${name}`, runId, text, tokenId: 't', at })
  await store.startRun({ runId, at })
  await store.finishRun({ runId, state: 'done', at, message: { id: `a-${name}`, content: text, incomplete: false } })
}

async function fill(store: Store, length: number): Promise<void> {
  const names = Array.from({ length: length / 2 }, (_, index) => `fill-${index}`)
  await Promise.all(names.map(name => addTurn(store, name)))
}

/** One JSON file per session, rewritten as a whole at every turn. */
function fileOfV3(home: string, length: number) {
  const file = join(home, 'sess.json')
  const message = (role: string, index: number) => ({ id: `m${index}`, role, content: text, timestamp: index })
  const messages = Array.from({ length }, (_, index) => message(index % 2 ? 'assistant' : 'user', index))
  return {
    addTurn() {
      messages.push(message('user', messages.length), message('assistant', messages.length + 1))
      writeFileSync(file, JSON.stringify({ id: 'sess', senderId: 'u', channel: 'c', messages }, null, 2))
    },
    bytes: () => statSync(file).size,
  }
}

async function list(sessions: number): Promise<Row> {
  return await inFolder(async home => {
    await prepare(home, database => {
      database
        .prepare(
          `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
           INSERT INTO sessions (id, sender_id, channel, state, created_at, last_active_at, title, listed_at, listed_state, unlisted)
           SELECT printf('session-%08d', i), 'sender-' || (i % 1000), 'web', 'idle', i, i, 'A conversation about ' || i, i, 'idle', 0 FROM n`,
        )
        .run(sessions)
    })
    const talon = await startTalon({}, home)
    let bytes = 0
    const reading = await measure({
      ...one,
      url: `ws://127.0.0.1:${talon.port}/ws`,
      greet: connection => [hello(connection)],
      request: (_connection, id) => frame(id, 'session.list', {}),
      answered(received) {
        bytes = Math.max(bytes, received.length)
        return replyTo(received)
      },
    })
    await talon.stop()
    const asRow = row(`session.list, first page of ${sessions.toLocaleString('en')}`, reading)
    return { ...asRow, figure: `${asRow.figure}, ${(bytes / 1024).toFixed(1)} KiB` }
  })
}

async function longHistory(messages: number): Promise<Row[]> {
  return await inFolder(async home => {
    await prepare(home, database => {
      database
        .prepare(
          `INSERT INTO sessions (id, sender_id, channel, state, created_at, last_active_at, message_count, seq) VALUES ('s', 'u', 'c', 'idle', 1, 1, @messages, @messages)`,
        )
        .run({ messages })
      database
        .prepare(
          `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
           INSERT INTO messages (id, session_id, role, content, timestamp, epoch, seq)
           SELECT printf('message-%08d', i), 's', iif(i % 2, 'user', 'assistant'), ?, i, 1, i FROM n`,
        )
        .run(messages, text)
    })
    const talon = await startTalon({}, home)
    const load = { ...one, url: `ws://127.0.0.1:${talon.port}/ws`, greet: (at: number) => [hello(at)] }
    const history = await measure({
      ...load,
      request: (_connection, id) => frame(id, 'session.history', { sessionId: 's', limit: 50 }),
      answered: replyTo,
    })
    let subscription = ''
    const resumed = await measure({
      ...load,
      request(_connection, id) {
        subscription = id
        return frame(id, 'session.subscribe', { sessionId: 's', epoch: 1, after: messages - 100 })
      },
      // The last of the hundred entries ends it.
      answered(received) {
        if (isEntry(received, messages)) return subscription
        const id = replyTo(received)
        return id?.startsWith('hello-') ? id : undefined
      },
    })
    await talon.stop()
    const of = `of ${messages.toLocaleString('en')} messages`
    return [row(`session.history, last 50 ${of}`, history), row(`session.subscribe, last 100 ${of} missing`, resumed)]
  })
}

function isEntry(received: string, seq: number): boolean {
  return received.includes('"type":"session.message"') && received.includes(`"seq":${seq}`)
}

async function prepare(home: string, insert: (database: Database.Database) => void): Promise<void> {
  const file = join(home, 'gateway.db')
  await (await openSqliteStore({ file, home, migrationsDir })).close()
  const database = new Database(file)
  insert(database)
  database.close()
}

async function inFolder<T>(use: (home: string) => Promise<T>): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), 'talon-bench-'))
  try {
    return await use(home)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

function timed(times: number, act: () => void): number[] {
  return Array.from({ length: times }, () => {
    const startedAt = performance.now()
    act()
    return performance.now() - startedAt
  })
}
