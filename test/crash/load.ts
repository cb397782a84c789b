import { randomUUID } from 'node:crypto'
import { type Client, connect, type SessionEvent, type TalonClientError } from '../../src/client/index.ts'
import { programToken } from '../support/program.ts'

/** A message whose `session.accepted` arrived. */
export interface Acked {
  requestId: string
  sessionId: string
  messageId: string
  runId: string
  epoch: number
  seq: number
  text: string
}

/** What one client has seen of one session's log. */
export interface Seen {
  sessionId: string
  ids: string[]
  /** Everything that broke the promise of order, in words. */
  faults: string[]
  /** Resolves when the last entry of this run was seen. */
  final(runId: string): Promise<void>
}

/** What all clients of a load share. */
export interface Load {
  url: string
  random: () => number
  acked: Acked[]
  faults: string[]
  repeats: number
  stopped: boolean
}

/** One client with its own session, which also writes to a shared one, if there is one. */
export interface LoadClient {
  client: Client
  seen: Seen[]
  /** How often a connection was opened. */
  connections(): number
  /** Resolves when `load.stopped` is set and its last request is answered. */
  finished: Promise<void>
}

const repeatShare = 0.2
const slowShare = 0.15

/** Random numbers in [0, 1) that follow from the seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A client that comes back quickly, because the gateway does. */
export function newClient(load: Pick<Load, 'url' | 'random'>): Client {
  const { url, random } = load
  const patience = { requestTimeoutMs: 150_000, connectTimeoutMs: 5_000 }
  return connect({ url, token: programToken, random, backoffBaseMs: 20, backoffCapMs: 250, ...patience })
}

/** Follows a session from its first entry, and holds what comes against what is promised. */
export function watch(client: Client, sessionId: string): Seen {
  const ids: string[] = []
  const faults: string[] = []
  const finals = new Set<string>()
  const waiting = new Map<string, () => void>()
  client.subscribe(
    sessionId,
    { epoch: 1, after: 0, onEnd: error => error && faults.push(`ended: ${error.message}`) },
    event => {
      if (event.type === 'reset') faults.push(`reset after ${ids.length}`)
      if (!isEntry(event)) return
      if (event.seq !== ids.length + 1) faults.push(`seq ${event.seq} after ${ids.length}`)
      ids.push(event.payload.message.id)
      const { runId } = event.payload.message
      if (event.type !== 'session.message.final' || runId === undefined) return
      if (finals.has(runId)) faults.push(`two finals of ${runId}`)
      finals.add(runId)
      waiting.get(runId)?.()
    },
  )
  return {
    sessionId,
    ids,
    faults,
    final: runId => (finals.has(runId) ? Promise.resolve() : new Promise(resolve => waiting.set(runId, resolve))),
  }
}

/** Connects and writes to its sessions until the load is stopped. */
export async function startClient(load: Load, name: string, shared: string | undefined): Promise<LoadClient> {
  const client = newClient(load)
  let opened = 0
  client.onState(state => {
    if (state.status === 'open' && state.resumed === 0 && state.reason === undefined) opened += 1
    if (state.status === 'closed' && state.reason !== 'closed') load.faults.push(`${name}: ${state.message}`)
  })
  const own = await client.request('session.create', { senderId: name, channel: 'crash', title: name })
  const seen = [own.sessionId, ...(shared === undefined ? [] : [shared])].map(id => watch(client, id))
  const finished = write(load, client, name, seen)
  return { client, seen, connections: () => opened, finished }
}

async function write(load: Load, client: Client, name: string, seen: Seen[]): Promise<void> {
  for (let count = 1; !load.stopped; count++) {
    const { sessionId } = seen[Math.floor(load.random() * seen.length)] ?? { sessionId: '' }
    const unique = `${name}-${count}`
    const text = load.random() < slowShare ? `/slow 20 ${unique}` : `message ${unique}`
    await send(load, client, { requestId: randomUUID(), sessionId, text })
    if (load.random() < repeatShare) await repeat(load, client)
    // A person's pace, a hundred times as fast; without it the runs would pile up behind each other.
    await new Promise(resolve => setTimeout(resolve, 10 + load.random() * 60))
  }
}

async function send(load: Load, client: Client, message: Pick<Acked, 'requestId' | 'sessionId' | 'text'>) {
  const { requestId, sessionId, text } = message
  for (;;) {
    try {
      const payload = { sessionId, text }
      const { messageId, runId, epoch, seq } = await client.request('session.send_message', payload, { id: requestId })
      load.acked.push({ ...message, messageId, runId, epoch, seq })
      return
    } catch (error) {
      const refused = error as TalonClientError // The client rejects with nothing else.
      if (!refused.retryable) return void load.faults.push(`${text}: ${refused.code} ${refused.message}`)
    }
  }
}

/** Sends something that was acked once more, under the same id, as a client would that never saw the answer. */
async function repeat(load: Load, client: Client): Promise<void> {
  const again = load.acked[Math.floor(load.random() * load.acked.length)]
  if (!again) return
  load.repeats += 1
  const { requestId, sessionId, text, messageId } = again
  try {
    const reply = await client.request('session.send_message', { sessionId, text }, { id: requestId })
    if (reply.messageId !== messageId || !reply.duplicate) load.faults.push(`${text} was accepted twice`)
  } catch (error) {
    const refused = error as TalonClientError // The client rejects with nothing else.
    // Another client may repeat the same at the same time only under this one's open request.
    if (refused.code !== 'CONFLICT') load.faults.push(`${text}: ${refused.code} ${refused.message}`)
  }
}

type Entry = Extract<SessionEvent, { seq: number }>

function isEntry(event: SessionEvent): event is Entry {
  return 'seq' in event
}
