import { type Client, connect } from '../../src/client/index.ts'
import { percentile, type Reading } from './measure.ts'
import { token } from './servers.ts'

/** What each step took, in ms. */
export type Latencies = Map<string, number[]>

const visitors = 6
const visitsPerVisitor = 12
// What a page asks while a person looks at it for a quarter of a minute, the status every five seconds.
const statusPolls = 3
const listed = 25
const olderPage = 50
const chanceOfOlder = 0.3
const chanceOfMessage = 0.25

/**
 * What browsers ask a gateway for: each visitor opens the dashboard, the list, and a conversation of it, of which some are
 * read further up and some get a message. A page is loaded over HTTP and opens a connection of its own, as the islands do.
 * The same seed asks for the same.
 */
export async function replay(port: number, seed: number, latencies: Latencies): Promise<void> {
  const visiting = Array.from({ length: visitors }, async (_, index) => {
    const random = seeded(seed * 1_000 + index)
    for (let visit = 0; visit < visitsPerVisitor; visit++) await visitPages({ port, latencies, random })
  })
  await Promise.all(visiting)
}

/** Latencies as a reading; its rate is that of one who asks again as soon as he is answered. */
export function readingOf(latencies: readonly number[]): Reading {
  const sorted = [...latencies].sort((a, b) => a - b)
  const sumMs = sorted.reduce((sum, ms) => sum + ms, 0)
  const [p50, p99] = [percentile(sorted, 0.5), percentile(sorted, 0.99)]
  return { perSecond: (1_000 * sorted.length) / sumMs, p50, p99, count: sorted.length, refused: 0 }
}

interface Visit {
  port: number
  latencies: Latencies
  random: () => number
}

async function visitPages(visit: Visit): Promise<void> {
  await see(visit, 'page /', '/', async () => undefined)
  const sessionId = await see(visit, 'page /sessions', '/sessions', async client => {
    const { sessions } = await timed(visit, 'session.list', () =>
      client.request('session.list', { limit: listed, watch: true }),
    )
    return sessions[Math.floor(visit.random() * sessions.length)]?.id ?? ''
  })
  await see(visit, 'page /sessions/:id', `/sessions/${sessionId}`, client => converse(visit, client, sessionId))
}

/** Loads a page and does what its islands do; the connection ends with the page. */
async function see<T>(visit: Visit, name: string, path: string, live: (client: Client) => Promise<T>): Promise<T> {
  const url = `http://127.0.0.1:${visit.port}`
  await timed(visit, name, async () => {
    const page = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}`, accept: 'text/html' } })
    if (!page.ok) throw new Error(`${path} was answered with ${page.status}.`)
    await page.text()
  })
  const client = connect({ url, token })
  try {
    // The connection is open before the clock starts: requests are timed, not the handshake.
    await client.request('ping', {})
    const result = await live(client)
    for (let poll = 0; poll < statusPolls; poll++) {
      await timed(visit, 'gateway.status', () => client.request('gateway.status', {}))
    }
    return result
  } finally {
    client.close()
  }
}

async function converse(visit: Visit, client: Client, sessionId: string): Promise<void> {
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  await timed(
    visit,
    'session.subscribe',
    () =>
      new Promise<void>(resolve => {
        client.subscribe(sessionId, {}, event => {
          if (event.type === 'session.resumed') resolve()
          if (event.type === 'session.message.final') answer()
        })
      }),
  )
  if (visit.random() < chanceOfOlder) {
    await timed(visit, 'session.history', () =>
      client.request('session.history', { sessionId, before: olderPage, limit: olderPage }),
    )
  }
  if (visit.random() < chanceOfMessage) {
    await timed(visit, 'session.send_message', () =>
      client.request('session.send_message', { sessionId, text: 'And what of tomorrow?' }),
    )
    await answered
  }
}

async function timed<T>({ latencies }: Visit, step: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const result = await work()
  const known = latencies.get(step) ?? []
  latencies.set(step, known)
  known.push(performance.now() - startedAt)
  return result
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
