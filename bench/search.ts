import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { openSqliteStore } from '../src/db/sqlite/engine.ts'
import { frame, hello, replyTo } from './support/frames.ts'
import { measure } from './support/measure.ts'
import { startTalon } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

const migrationsDir = join(import.meta.dirname, '..', 'migrations')
const messages = 1_000_000
const messagesPerSession = 100
const one = { connections: 1, inFlight: 1, durationMs: 4_000, warmUpMs: 1_500 }

const searches: [what: string, query: string][] = [
  ['a rare phrase', '"purple elephant sandwich"'],
  ['a rare phrase in Chinese', '紫色大象三明治'],
  ['a word of two messages in three', 'the'],
  ['three common words', 'the toto mito'],
  ['a phrase of common words', '"the toto"'],
  ['a common word in one session', 'the session:s5000'],
  ['a common word of one month', 'the after:2024-03 before:2024-04'],
  ['a common word of one role, without another', 'the role:tool -toto'],
  ['a prefix of three letters', 'tot*'],
]

/** Search in a million messages: how fast they are indexed, how fast they are found, and what others notice of it. */
export async function search(): Promise<Row[]> {
  const home = mkdtempSync(join(tmpdir(), 'talon-bench-'))
  try {
    await fill(home)
    const indexed = await index(home)
    return [indexed, ...(await find(home))]
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

async function find(home: string): Promise<Row[]> {
  const talon = await startTalon({}, home)
  const load = {
    ...one,
    url: `ws://127.0.0.1:${talon.port}/ws`,
    greet: (connection: number) => [hello(connection)],
    answered: replyTo,
  }
  const ping = { ...load, request: (_connection: number, id: string) => frame(id, 'ping', {}) }
  const rows = [row('ping, nothing else', await measure(ping))]
  for (const [what, query] of searches) {
    const request = (_connection: number, id: string) => frame(id, 'session.search', { query })
    const [found, pinged] = await Promise.all([measure({ ...load, request }), measure(ping)])
    const figure = `${row('', found).figure}; ping meanwhile p99 ${pinged.p99.toFixed(1)} ms`
    rows.push({ what: `${what}: ${query}`, figure })
  }
  await talon.stop()
  return rows
}

/** Searches until everything is indexed, as the first search after an upgrade would. */
async function index(home: string): Promise<Row> {
  const file = join(home, 'gateway.db')
  const before = statSync(file).size
  const store = await openSqliteStore({ file, home, migrationsDir })
  const startedAt = performance.now()
  for (let unindexed = 1; unindexed > 0; ) {
    ;({ unindexed } = await store.search({ query: 'role:user', limit: 1, now: Date.now() }))
  }
  const seconds = (performance.now() - startedAt) / 1000
  await store.close()
  const rate = `${Math.round(messages / seconds).toLocaleString('en')} messages/s`
  return {
    what: 'indexing a million messages',
    figure: `${rate}, ${mebibytes(statSync(file).size - before)} of ${mebibytes(before)}`,
  }
}

async function fill(home: string): Promise<void> {
  const file = join(home, 'gateway.db')
  await (await openSqliteStore({ file, home, migrationsDir })).close()
  const database = new Database(file)
  database.pragma('synchronous = OFF')
  const session = database.prepare(
    `INSERT INTO sessions (id, sender_id, channel, state, created_at, last_active_at, title) VALUES (?, 'u', 'web', 'idle', 1, 1, ?)`,
  )
  const message = database.prepare(
    'INSERT INTO messages (id, session_id, role, content, timestamp, epoch, seq) VALUES (?, ?, ?, ?, ?, 1, ?)',
  )
  const say = createSpeaker()
  const start = Date.UTC(2024, 0, 1)
  database.transaction(() => {
    for (let index = 0; index < messages; index++) {
      const sessionId = `s${Math.floor(index / messagesPerSession)}`
      if (index % messagesPerSession === 0) session.run(sessionId, say(4))
      const role = ['user', 'assistant', 'tool'][index % 3]
      message.run(
        `m${index}`,
        sessionId,
        role,
        textOf(index, say),
        start + index * 60_000,
        (index % messagesPerSession) + 1,
      )
    }
  })()
  database.close()
}

/** One in ten is Chinese, one in ten has accents and quotes; two hold what is rare. */
function textOf(index: number, say: (words: number) => string): string {
  if (index === 123_456) return `${say(20)} purple elephant sandwich`
  if (index === 777_777) return `${say(20)} 紫色大象三明治`
  const words = 15 + (index % 50)
  if (index % 10 === 3)
    return [...say(words)].map(letter => String.fromCodePoint(0x4e00 + letter.charCodeAt(0) * 7)).join('')
  return index % 10 === 7 ? `${say(words)} “café”` : say(words)
}

/** Speaks made-up words, the common ones as often as in any language (Zipf). */
function createSpeaker(): (words: number) => string {
  const syllables = 'ka to mi re su na lo vi de ru pa ne si go ba'.split(' ')
  const vocabulary = Array.from({ length: 50_000 }, (_, index) => (index === 0 ? 'the' : nameOf(index, syllables)))
  const sums: number[] = []
  let sum = 0
  for (let index = 0; index < vocabulary.length; index++) {
    sum += 1 / (index + 2.7)
    sums.push(sum)
  }
  let seed = 1
  const next = () => {
    seed = (seed * 1_664_525 + 1_013_904_223) >>> 0
    const wanted = (seed / 2 ** 32) * sum
    let [low, high] = [0, sums.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return vocabulary[low] ?? ''
  }
  return words => Array.from({ length: words }, next).join(' ')
}

function nameOf(index: number, syllables: readonly string[]): string {
  let name = ''
  for (let rest = index + syllables.length; rest > 0; rest = Math.floor(rest / syllables.length)) {
    name += syllables[rest % syllables.length]
  }
  return name
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MiB`
}
