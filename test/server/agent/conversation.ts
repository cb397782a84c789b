import Database from 'better-sqlite3'
import type { Client, SessionEvent } from '../../../src/client/index.ts'
import type { EventPayload } from '../../../src/protocol/messages.ts'
import type { TestGateway } from '../../support/gateway.ts'

/** One session and everything that happens in it. */
export interface Conversation {
  client: Client
  sessionId: string
  events: SessionEvent[]
  /** Sends a message; its run's id. */
  send(text: string): Promise<string>
  /** Resolves when this run has ended. */
  ended(runId: string): Promise<EventPayload<'run.finished'>>
  /** Sends a message and resolves with how its run ended. */
  ask(text: string): Promise<EventPayload<'run.finished'>>
  /** Resolves with the first event of this type from now on, or one that came already. */
  until<T extends SessionEvent['type']>(type: T): Promise<Extract<SessionEvent, { type: T }>>
  messages(): Promise<Awaited<ReturnType<typeof history>>>
}

/** A new session with a client that follows it from its first entry. */
export async function converse(gateway: TestGateway, options: { model?: string } = {}): Promise<Conversation> {
  const client = gateway.client()
  const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test', ...options })
  const events: SessionEvent[] = []
  const waiting = new Set<() => void>()
  client.subscribe(sessionId, { after: 0 }, event => {
    events.push(event)
    for (const look of [...waiting]) look()
  })
  const find = <Found extends SessionEvent>(matches: (event: SessionEvent) => event is Found) =>
    new Promise<Found>(resolve => {
      const look = () => {
        const found = events.find(matches)
        if (!found) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
    })
  const send = async (text: string) => (await client.request('session.send_message', { sessionId, text })).runId
  const ended = async (runId: string) => {
    const isEnd = (event: SessionEvent): event is Extract<SessionEvent, { type: 'run.finished' }> =>
      event.type === 'run.finished' && event.payload.runId === runId
    return (await find(isEnd)).payload
  }
  return {
    client,
    sessionId,
    events,
    send,
    ended,
    ask: async text => ended(await send(text)),
    until: <T extends SessionEvent['type']>(type: T) =>
      find((event): event is Extract<SessionEvent, { type: T }> => event.type === type),
    messages: () => history(client, sessionId),
  }
}

async function history(client: Client, sessionId: string) {
  return (await client.request('session.history', { sessionId, limit: 1_000 })).messages
}

/** What all events of a run said, piece by piece. */
export function streamed(events: readonly SessionEvent[]): string {
  return events.map(event => (event.type === 'session.message.delta' ? event.payload.delta : '')).join('')
}

/** Rows of the gateway's database, read beside it. */
export function rows(gateway: TestGateway, sql: string): Record<string, unknown>[] {
  const database = new Database(`${gateway.home}/gateway.db`, { readonly: true })
  try {
    return database.prepare<[], Record<string, unknown>>(sql).all()
  } finally {
    database.close()
  }
}
