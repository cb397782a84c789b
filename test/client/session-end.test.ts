import { expect, test } from 'vitest'
import { brief, connected, resumed, stateOf, take } from './fixture.ts'

test('leaving the loop unsubscribes, and the session is not resumed any more', async () => {
  const { gateway, client, connection } = await connected()
  const events = client.session('s1', { after: 0 })
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1', { seq: 1, replayed: 1 }), { replyTo: id })
  connection.entry('s1', 1, 1)
  for await (const event of events) if ('seq' in event) break
  expect((await connection.expect('session.unsubscribe')).payload).toEqual({ sessionId: 's1' })
  connection.cut()
  expect(await (await gateway.connection()).welcome()).not.toHaveProperty('resume')
})

test('who comes back while the leaving is under way is subscribed after it', async () => {
  const { client, connection } = await connected()
  const other = client.session('s2')
  const subscribe = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s2'), { replyTo: subscribe.id })
  await take(other, 1)
  await other.return?.()
  const leaving = await connection.expect('session.unsubscribe')
  const back = client.session('s2')
  expect(connection.untaken()).toEqual([])
  connection.send('session.unsubscribed', { sessionId: 's2' }, { replyTo: leaving.id })
  const again = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s2'), { replyTo: again.id })
  expect((await take(back, 1)).map(brief)).toEqual(['session.resumed'])
})

test('a deleted session ends its iterators and subscriptions', async () => {
  const { client, connection } = await connected()
  const events = client.session('s1')
  const ended = new Promise(resolve => {
    client.subscribe('s1', { onEnd: resolve }, () => {})
  })
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1'), { replyTo: id })
  connection.send('session.deleted', { sessionId: 's1' })
  const seen: string[] = []
  for await (const event of events) seen.push(brief(event))
  expect(seen).toEqual(['session.resumed', 'session.deleted'])
  expect(await ended).toBeUndefined()
})

test('a session that is not there throws in the loop', async () => {
  const { client, connection } = await connected()
  const events = client.session('nowhere')
  const { id } = await connection.expect('session.subscribe')
  const error = { code: 'SESSION_NOT_FOUND', status: 404, error: 'No such session.', retryable: false }
  connection.send('session.error', { ...error, sessionId: 'nowhere' }, { replyTo: id })
  await expect(events.next()).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
  expect(await events.next()).toEqual({ done: true, value: undefined })
})

test('a session that cannot be resumed after a cut throws in the loop', async () => {
  const { gateway, client, connection } = await connected()
  const events = client.session('s1')
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1'), { replyTo: id })
  await take(events, 1)
  connection.cut()
  const second = await gateway.connection()
  await second.welcome()
  const error = { code: 'FORBIDDEN', status: 403, error: 'Not any more.', retryable: false }
  second.send('session.error', { ...error, sessionId: 's1' })
  await expect(events.next()).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('a subscription that is refused for now is asked again', async () => {
  const { client, connection } = await connected()
  const events = client.session('s1', { after: 0 })
  const { id } = await connection.expect('session.subscribe')
  const error = { code: 'OVERLOADED', status: 503, error: 'Busy.', retryable: true, retryAfterMs: 1, sessionId: 's1' }
  connection.send('session.error', error, { replyTo: id })
  const again = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1'), { replyTo: again.id })
  expect((await take(events, 1)).map(brief)).toEqual(['session.resumed'])
})

test('the failure of a run is an event, not the end', async () => {
  const { client, connection } = await connected()
  const events = client.session('s1')
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1'), { replyTo: id })
  const error = { code: 'BUDGET_EXCEEDED', status: 402, error: 'Enough.', retryable: false, sessionId: 's1' }
  connection.send('session.error', error)
  connection.entry('s1', 1, 1)
  expect((await take(events, 3)).map(brief)).toEqual(['session.resumed', 'session.error', '1.1'])
})

test('close ends iterators quietly, a revoked token throws in them', async () => {
  const { client } = await connected()
  const events = client.session('s1')
  const waiting = events.next()
  client.close()
  expect(await waiting).toEqual({ done: true, value: undefined })
  const other = await connected()
  const revoked = other.client.session('s1').next()
  other.connection.close(4010)
  await expect(revoked).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  await stateOf(other.client, 'closed')
  await expect(other.client.session('s1').next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
})
