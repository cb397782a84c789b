import { expect } from 'vitest'
import type { Message, Session } from '../../src/protocol/shapes.ts'
import type { ScriptedConnection } from '../support/scripted-gateway.ts'

export const sessionId = 'session-1'
export const runId = 'run-1'
export const session: Session = {
  id: sessionId,
  senderId: 'ada',
  channel: 'cli',
  title: null,
  state: 'active',
  messageCount: 2,
  createdAt: 1,
  lastActiveAt: 1,
  model: null,
  senderName: null,
  memorySummary: null,
  config: {},
  epoch: 1,
  seq: 2,
  forkedFrom: null,
  profile: null,
  tainted: false,
}
export const resumed = { sessionId, epoch: 1, seq: 2, reset: false, replayed: 0, run: null }

/** Takes the message, answers it, and gives its text. */
export async function accept(connection: ScriptedConnection): Promise<unknown> {
  const sent = await connection.expect('session.send_message')
  const accepted = { sessionId, messageId: 'm3', epoch: 1, seq: 3, runId, duplicate: false }
  connection.send('session.accepted', accepted, { replyTo: sent.id })
  return sent.payload.text
}

/** Takes what a chat asks when it enters the session, and answers it. */
export async function enter(connection: ScriptedConnection, history?: Message[]): Promise<void> {
  await connection.welcome()
  const get = await connection.expect('session.get')
  connection.send('session.get', { session }, { replyTo: get.id })
  if (history) {
    const asked = await connection.expect('session.history')
    connection.send(
      'session.history',
      { sessionId, epoch: 1, messages: history, hasMore: false },
      { replyTo: asked.id },
    )
  }
  const subscribe = await connection.expect('session.subscribe')
  expect(subscribe.payload).toEqual({ sessionId, epoch: 1, after: 2 })
  connection.send('session.resumed', resumed, { replyTo: subscribe.id })
}

/** Sends the last entry of the run. */
export function say(connection: ScriptedConnection, seq: number, content: string, extra: object = {}): void {
  const message = { id: `m${seq}`, seq, role: 'assistant', content, timestamp: 1 }
  connection.send('session.message.final', { sessionId, runId, message, model: 'offline', ...extra }, { epoch: 1, seq })
}

/** Sends an entry of the log. */
export function entry(connection: ScriptedConnection, seq: number, message: Partial<Message>): void {
  const full = { id: `m${seq}`, seq, timestamp: 1, content: '', ...message }
  connection.send('session.message', { sessionId, message: full }, { epoch: 1, seq })
}

export function finishRun(connection: ScriptedConnection, state: string, error?: string): void {
  connection.send('run.finished', { sessionId, runId, state, ...(error && { error }) })
}
