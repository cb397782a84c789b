import { expect, onTestFinished, test } from 'vitest'
import type { Registry } from '../../../src/server/connections.ts'
import { type TestGateway, testGateway, testToken } from '../../support/gateway.ts'
import { converse, newSession, rest } from './rest.ts'

interface Received {
  id: string | undefined
  event: string
  data: Record<string, unknown>
}

interface EventReader {
  status: number
  /** All that came so far. */
  events: Received[]
  /** Resolves as soon as an event matches, or at once if one did. */
  until(matches: (event: Received) => boolean): Promise<Received>
  ended: Promise<void>
  leave(): void
}

test('P3: a stream is live, and goes on after Last-Event-ID without gap or duplicate', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  const first = await openStream(gateway, id)
  expect(await first.until(({ event }) => event === 'session.resumed')).toMatchObject({
    id: '1.0',
    data: { sessionId: id, epoch: 1, seq: 0, reset: false, replayed: 0, run: null },
  })
  await converse(gateway, id, 'one two')
  const final = await first.until(({ event }) => event === 'session.message.final')
  expect(final).toMatchObject({ id: '1.2', data: { message: { content: 'offline: one two', seq: 2 } } })
  const types = first.events.map(({ event }) => event)
  expect(types.slice(0, 4)).toEqual(['session.resumed', 'session.message', 'run.started', 'session.message.delta'])
  first.leave()
  await converse(gateway, id, 'missed')
  const second = await openStream(gateway, id, { lastEventId: final.id })
  await second.until(({ id }) => id === '1.4')
  await converse(gateway, id, 'live again')
  await second.until(({ id }) => id === '1.6')
  expect(
    second.events
      .filter(({ event }) => event.startsWith('session.message') && !event.endsWith('delta'))
      .map(({ id }) => id),
  ).toEqual(['1.3', '1.4', '1.5', '1.6'])
  second.leave()
})

test('P3: a reader that was cut before the first entry comes back to where it began', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  await converse(gateway, id, 'before')
  const first = await openStream(gateway, id)
  const resumed = await first.until(({ event }) => event === 'session.resumed')
  first.leave()
  await converse(gateway, id, 'in between')
  const second = await openStream(gateway, id, { lastEventId: resumed.id })
  await second.until(({ id }) => id === '1.4')
  expect(entries(second)).toEqual(['1.3', '1.4'])
  second.leave()
})

test('P3: a reset is told, live and at a resume, and the next epoch follows from its first entry', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  await converse(gateway, id, 'old')
  const live = await openStream(gateway, id, { lastEventId: '1.0' })
  await live.until(({ id }) => id === '1.2')
  await rest(gateway, 'POST', `/api/v1/sessions/${id}/reset`)
  expect(await live.until(({ data }) => data['reset'] === true)).toMatchObject({
    id: '2.0',
    data: { epoch: 2, seq: 0 },
  })
  await converse(gateway, id, 'new')
  await live.until(({ id }) => id === '2.2')
  expect(entries(live)).toEqual(['1.1', '1.2', '2.1', '2.2'])
  live.leave()
  const late = await openStream(gateway, id, { lastEventId: '1.1' })
  expect(await late.until(({ event }) => event === 'session.resumed')).toMatchObject({
    id: '2.2',
    data: { reset: true, epoch: 2, seq: 2, replayed: 0 },
  })
  late.leave()
})

test('a stream ends when its token is revoked, and when its session is deleted', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  const { id: tokenId, token } = await gateway.app.auth.createToken({ name: 'reader', scopes: ['read'] })
  const revoked = await openStream(gateway, id, { token })
  const deleted = await openStream(gateway, id)
  for (const reader of [revoked, deleted]) await reader.until(({ event }) => event === 'session.resumed')
  expect((await rest(gateway, 'DELETE', `/api/v1/tokens/${tokenId}`)).status).toBe(204)
  await revoked.ended
  expect((await openStream(gateway, id, { token })).status).toBe(401)
  await rest(gateway, 'DELETE', `/api/v1/sessions/${id}`)
  await deleted.ended
  expect(deleted.events.at(-1)).toMatchObject({ event: 'session.deleted', data: { sessionId: id } })
})

test('a place that is none and a session that is not there are refused before the stream begins', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  for (const lastEventId of ['x', '1', '1.', '-1.2', '1.2.3']) {
    expect((await openStream(gateway, id, { lastEventId })).status).toBe(400)
  }
  expect((await openStream(gateway, 'none')).status).toBe(404)
})

test('P5: readers that leave, and a HEAD, leave nothing behind', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  for (let count = 0; count < 5; count++) {
    const reader = await openStream(gateway, id)
    await reader.until(({ event }) => event === 'session.resumed')
    reader.leave()
    await gateway.fetch(`/api/v1/sessions/${id}/events`, { method: 'HEAD' })
  }
  // The registry behind both parts of the record is one.
  await (gateway.app.connections as Registry).emptied()
  expect((gateway.app.connections as Registry).size()).toBe(0)
})

function entries(reader: EventReader): (string | undefined)[] {
  const logged = ['session.message', 'session.message.final']
  return reader.events.filter(({ event }) => logged.includes(event)).map(({ id }) => id)
}

async function openStream(
  gateway: TestGateway,
  sessionId: string,
  options: { lastEventId?: string | undefined; token?: string } = {},
): Promise<EventReader> {
  const { lastEventId, token = testToken } = options
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const response = await gateway.fetch(`/api/v1/sessions/${sessionId}/events`, {
    token,
    signal: leaving.signal,
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
  })
  const events: Received[] = []
  let check = () => {}
  const read = async () => {
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      events.push(...blocks.filter(block => block.includes('data: ')).map(received))
      check()
    }
  }
  return {
    status: response.status,
    events,
    ended: read().catch(() => undefined),
    leave: () => leaving.abort(),
    until: matches =>
      new Promise(resolve => {
        check = () => {
          const found = events.find(matches)
          if (found) resolve(found)
        }
        check()
      }),
  }
}

function received(block: string): Received {
  const fields = Object.fromEntries(
    block.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  return { id: fields['id'], event: fields['event'] ?? '', data: JSON.parse(fields['data'] ?? 'null') }
}
