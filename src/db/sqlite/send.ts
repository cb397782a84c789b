import type { Accepted, Change, Once, Target } from '../store.ts'
import { earlier } from './idempotency.ts'
import { insertEntry } from './messages.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'
import { insertRun } from './runs.ts'
import { admitMessage, findSession, insertSession } from './sessions.ts'

/**
 * Stores a user message and a queued run for it. This is the path that every client waits for: one update, two inserts,
 * and the message row itself remembers the request.
 */
export function sendMessage(connection: Connection, input: CommandInput<'sendMessage'>): Outcome<Once<Accepted>> {
  const { messageId, runId, at, request } = input
  const found = earlier(connection, request, 'message')
  if (found) return { result: { ...storedReply(connection, found.reference), duplicate: true }, changes: [] }
  const changes: Change[] = []
  const sessionId = sessionOf(connection, input.target, at, changes)
  const senderId = 'sessionId' in input.target ? undefined : input.target.findOrCreate.senderId
  const session = admitMessage(connection, sessionId, { tokenId: input.tokenId, senderId, at })
  const { epoch, seq } = session
  const entry = insertEntry(
    connection,
    { sessionId, epoch, seq },
    {
      id: messageId,
      role: 'user',
      content: input.text,
      at,
      runId,
      senderName: input.senderName,
      tokenId: request?.tokenId ?? input.tokenId,
      requestId: request?.requestId,
      requestHash: request?.hash,
    },
  )
  insertRun(connection, { id: runId, sessionId, epoch, messageSeq: seq, tokenId: input.tokenId, at })
  changes.push({ type: 'entry', entry }, { type: 'session.updated', session })
  return { result: { sessionId, messageId, epoch, seq, runId, duplicate: false }, changes }
}

function sessionOf(connection: Connection, target: Target, at: number, changes: Change[]): string {
  if ('sessionId' in target) return target.sessionId
  const found = findSession(connection, target.findOrCreate)
  if (found !== undefined) return found
  const session = insertSession(connection, target.findOrCreate, at)
  changes.push({ type: 'session.created', session })
  return session.id
}

function storedReply(connection: Connection, messageId: string): Accepted {
  const row = connection
    .prepared<Accepted>(
      `SELECT session_id AS sessionId, id AS messageId, epoch, seq, coalesce(run_id, '') AS runId FROM messages WHERE id = ?`,
    )
    .get(messageId)
  if (!row) throw new Error(`Message ${messageId} vanished inside a transaction.`)
  return row
}
