import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Installed, installProgram, openDatabase, type Program, startProgram } from '../support/program.ts'
import { type Acked, type Load, type LoadClient, newClient, seeded, startClient } from './load.ts'

const kills = 50
const clientCount = 20
// These clients also write to one of the shared sessions.
const sharers = 9
const sharedSessions = 3
// A kill falls into the start of the work as well as into the middle of it.
const minLifeMs = 30
const maxLifeMs = 900
const seed = 20_261_123

let installed: Installed
const home = mkdtempSync(join(tmpdir(), 'talon-crash-'))
beforeAll(() => {
  installed = installProgram()
}, 120_000)
afterAll(() => {
  installed.remove()
  rmSync(home, { recursive: true, force: true })
})

test('P1, P2, P3, P4: 50 times kill -9 under load lose no acked message, double none, and leave no gap and no half run', async () => {
  const random = seeded(seed)
  let program = await startProgram(installed, { home })
  const load: Load = { url: program.url, random: seeded(seed + 1), acked: [], faults: [], repeats: 0, stopped: false }
  const clients = await whileAlive(program, connectAll(load))
  const failures: Record<string, unknown>[] = []
  for (let kill = 0; kill < kills; kill++) {
    await whileAlive(program, delay(minLifeMs + random() * (maxLifeMs - minLifeMs)))
    await program.kill9()
    failures.push(...program.failures())
    program = await startProgram(installed, { home, port: program.port })
  }
  load.stopped = true
  await whileAlive(program, Promise.all(clients.map(({ finished }) => finished)))
  await whileAlive(program, settle(load, clients))
  const ended = await stop(program, clients)
  failures.push(...program.failures())
  const found = examine(home, load.acked)
  const connections = clients.map(client => client.connections())
  console.log(
    `crash: kills ${kills}, clients ${clientCount}, acked ${load.acked.length}, repeated ${load.repeats}, ` +
      `lost ${found.lost.length}, doubled ${found.doubled.length}, interrupted ${found.runs['interrupted'] ?? 0}, ` +
      `done ${found.runs['done'] ?? 0}, reconnects ${connections.reduce((sum, count) => sum + count - 1, 0)}`,
  )
  expect(load.faults).toEqual([])
  expect(failures).toEqual([])
  expect(ended.code).toBe(0)
  expect(load.acked.length).toBeGreaterThan(kills * 2)
  expect({ ...found, runs: Object.keys(found.runs).sort() }).toEqual({
    integrity: 'ok',
    lost: [],
    doubled: [],
    gaps: [],
    withoutRun: 0,
    finals: [],
    runs: ['done', 'interrupted'],
  })
  // Nobody helped them: they came back by themselves, and saw every entry once and in order.
  for (const count of connections) expect(count).toBeGreaterThan(kills / 4)
  for (const { seen } of clients) {
    for (const { sessionId, ids, faults } of seen) {
      expect(faults).toEqual([])
      expect(ids).toEqual(found.log(sessionId))
    }
  }
}, 180_000)

/** Says why at once if the program ends by itself. */
function whileAlive<T>(program: Program, work: Promise<T>): Promise<T> {
  const died = program.ended.then(({ code, out, err }) => {
    throw new Error(`The program ended with ${code}: ${out}${err}`)
  })
  return Promise.race([work, died])
}

async function connectAll(load: Load): Promise<LoadClient[]> {
  const first = newClient(load)
  const create = (index: number) =>
    first.request('session.create', { senderId: 'all', channel: 'crash', title: `shared ${index}` })
  const shared = await Promise.all(Array.from({ length: sharedSessions }, (_, index) => create(index)))
  first.close()
  const names = Array.from({ length: clientCount }, (_, index) => index)
  return Promise.all(
    names.map(index => {
      const joined = index < sharers ? shared[index % sharedSessions]?.sessionId : undefined
      return startClient(load, `client-${index}`, joined)
    }),
  )
}

/** One more message to each session: when it is answered, everything before it is, because runs go in order. */
async function settle(load: Load, clients: LoadClient[]): Promise<void> {
  const fences = new Map<string, Promise<string>>()
  const seen = clients.flatMap(({ client, seen }) => seen.map(log => ({ client, log })))
  await Promise.all(
    seen.map(async ({ client, log }) => {
      const { sessionId } = log
      const send = async () => (await client.request('session.send_message', { sessionId, text: 'the end' })).runId
      const fence = fences.get(sessionId) ?? send()
      fences.set(sessionId, fence)
      await log.final(await fence)
    }),
  )
  if (load.faults.length > 0) console.log(load.faults.slice(0, 10))
}

async function stop(program: Program, clients: LoadClient[]) {
  for (const { client } of clients) client.close()
  return program.stop()
}

/** What the database says, without the help of the gateway. */
function examine(home: string, acked: Acked[]) {
  const database = openDatabase(home)
  const message = database.prepare('SELECT session_id, epoch, seq, content, run_id FROM messages WHERE id = ?').raw()
  const lost = acked.filter(({ messageId, sessionId, epoch, seq, text, runId }) => {
    const row = message.get(messageId)
    return JSON.stringify(row) !== JSON.stringify([sessionId, epoch, seq, text, runId])
  })
  const logs = new Map<string, string[]>()
  for (const { session_id, id } of all<{ session_id: string; id: string }>(
    database,
    'SELECT session_id, id FROM messages ORDER BY session_id, epoch, seq',
  )) {
    logs.set(session_id, [...(logs.get(session_id) ?? []), id])
  }
  const found = {
    integrity: database.pragma('integrity_check', { simple: true }),
    lost,
    // Each text was sent for one message only, whatever was repeated.
    doubled: all(
      database,
      `SELECT content FROM messages WHERE role = 'user' AND content <> 'the end' GROUP BY content HAVING count(*) > 1`,
    ),
    gaps: all(
      database,
      `SELECT session_id FROM messages GROUP BY session_id, epoch HAVING count(*) <> max(seq) OR min(seq) <> 1`,
    ),
    withoutRun: all(
      database,
      `SELECT id FROM messages WHERE role = 'user'
       AND (SELECT count(*) FROM runs WHERE runs.id = messages.run_id AND finished_at IS NOT NULL) <> 1`,
    ).length,
    // A run that is done has one last entry; one that was interrupted has at most one, and that is incomplete.
    finals: all(
      database,
      `SELECT runs.id, state, count(messages.id) AS finals, max(incomplete) AS incomplete FROM runs
       LEFT JOIN messages ON messages.run_id = runs.id AND final = 1 GROUP BY runs.id
       HAVING NOT (state = 'done' AND finals = 1 AND incomplete = 0)
       AND NOT (state = 'interrupted' AND (finals = 0 OR (finals = 1 AND incomplete = 1)))`,
    ),
    runs: Object.fromEntries(
      all<{ state: string; count: number }>(database, 'SELECT state, count(*) AS count FROM runs GROUP BY state').map(
        ({ state, count }) => [state, count],
      ),
    ),
  }
  database.close()
  return Object.defineProperty(found, 'log', {
    value: (id: string) => logs.get(id),
    enumerable: false,
  }) as typeof found & {
    log: (sessionId: string) => string[] | undefined
  }
}

function all<Row>(database: Database.Database, sql: string): Row[] {
  return database.prepare<[], Row>(sql).all()
}
