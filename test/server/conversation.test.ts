import { expect, test } from 'vitest'
import type { SessionEvent } from '../../src/client/index.ts'
import { testGateway } from '../support/gateway.ts'

test('a message is accepted, streamed word by word and stored', async () => {
  await using gateway = await testGateway()
  const client = gateway.client()
  const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
  const events: SessionEvent[] = []
  const done = Promise.withResolvers<void>()
  client.subscribe(sessionId, { after: 0 }, event => {
    events.push(event)
    if (event.type === 'session.message.final') done.resolve()
  })
  const accepted = await client.request('session.send_message', { sessionId, text: 'hello there' })
  expect(accepted).toMatchObject({ sessionId, epoch: 1, seq: 1, duplicate: false })
  await done.promise
  const deltas = events.filter(event => event.type === 'session.message.delta')
  expect(deltas.map(event => event.payload.delta).join('')).toBe('offline: hello there')
  const history = await client.request('session.history', { sessionId })
  expect(history.messages.map(({ role, content }) => [role, content])).toEqual([
    ['user', 'hello there'],
    ['assistant', 'offline: hello there'],
  ])
})
