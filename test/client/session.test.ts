import { expect, test } from 'vitest'
import { maxBufferedEvents } from '../../src/client/index.ts'
import { brief, clientForTest, connected, gatewayForTest, resumed, take } from './fixture.ts'

test('a session is iterated in order: entries with their place, live events between them', async () => {
  const { client, connection } = await connected()
  const events = client.session('s1', { epoch: 1, after: 0 })
  const { id, payload } = await connection.expect('session.subscribe')
  expect(payload).toEqual({ sessionId: 's1', epoch: 1, after: 0 })
  connection.send('session.resumed', resumed('s1', { seq: 1, replayed: 1 }), { replyTo: id })
  connection.entry('s1', 1, 1)
  connection.send('run.started', { sessionId: 's1', runId: 'r1', state: 'running' })
  connection.send('session.message.delta', { sessionId: 's1', runId: 'r1', delta: 'he', index: 0 })
  connection.send('tool.call', { sessionId: 's1', runId: 'r1', callId: 'c', toolName: 't', args: {} })
  connection.entry('s2', 1, 2)
  connection.entry('s1', 1, 2, 'session.message.final')
  const taken = await take(events, 6)
  expect(taken.map(brief)).toEqual([
    'session.resumed',
    '1.1',
    'run.started',
    'session.message.delta',
    'tool.call',
    '1.2',
  ])
  expect(taken[5]).toMatchObject({ type: 'session.message.final', payload: { message: { content: 'entry 2' } } })
})

test('without a position a session begins at its newest entry', async () => {
  const { client, connection } = await connected()
  const events = client.session('s1')
  const { id, payload } = await connection.expect('session.subscribe')
  expect(payload).toEqual({ sessionId: 's1' })
  connection.entry('s1', 3, 40)
  connection.send('session.resumed', resumed('s1', { epoch: 3, seq: 40 }), { replyTo: id })
  connection.entry('s1', 3, 41)
  expect((await take(events, 2)).map(brief)).toEqual(['session.resumed', '3.41'])
})

test('after a cut hello goes on behind the last entry, repetitions are dropped, and the state counts what came', async () => {
  const { gateway, client, connection } = await connected()
  const events = client.session('s1', { after: 0 })
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1', { epoch: 2, seq: 2, replayed: 2 }), { replyTo: id })
  connection.entry('s1', 2, 1)
  connection.entry('s1', 2, 2)
  connection.entry('s1', 2, 2)
  await take(events, 3)
  connection.cut()
  const second = await gateway.connection()
  const hello = await second.welcome()
  expect(hello.resume).toEqual([{ sessionId: 's1', epoch: 2, after: 2 }])
  second.send('session.resumed', resumed('s1', { epoch: 2, seq: 5, replayed: 3 }))
  for (const seq of [1, 2, 3, 4, 4, 5]) second.entry('s1', 2, seq)
  second.send('session.message.snapshot', { sessionId: 's1', runId: 'r', text: 'so far', index: 7 })
  expect((await take(events, 5)).map(brief)).toEqual([
    'session.resumed',
    '2.3',
    '2.4',
    '2.5',
    'session.message.snapshot',
  ])
  expect(client.state).toEqual({ status: 'open', resumed: 3 })
  expect(second.untaken()).toEqual([])
})

test('order and completeness hold over many cuts at any place', async () => {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url)
  const events = client.session('s1', { epoch: 1, after: 0 })
  const total = 40
  const serve = async () => {
    for (let sent = 0; sent < total; ) {
      const connection = await gateway.connection()
      const { resume } = await connection.welcome()
      const place = resume?.[0]
      const after = place?.after ?? 0
      expect(place).toEqual({ sessionId: 's1', epoch: 1, after })
      connection.send('session.resumed', resumed('s1', { seq: total, replayed: total - after }))
      sent = Math.min(total, after + 7)
      for (let seq = after + 1; seq <= sent; seq++) connection.entry('s1', 1, seq)
      if (sent < total) connection.close(1012)
    }
  }
  const served = serve()
  const seen: number[] = []
  while (seen.length < total) {
    const [event] = await take(events, 1)
    if (event && 'seq' in event) seen.push(event.seq)
  }
  await served
  expect(seen).toEqual(Array.from({ length: total }, (_, index) => index + 1))
})

test('a jump in the log is never handed over: the missing entries are asked for', async () => {
  const { client, connection } = await connected()
  const events = client.session('s1', { after: 0 })
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1', { seq: 1, replayed: 1 }), { replyTo: id })
  connection.entry('s1', 1, 1)
  connection.entry('s1', 1, 3)
  const again = await connection.expect('session.subscribe')
  expect(again.payload).toEqual({ sessionId: 's1', epoch: 1, after: 1 })
  connection.send('session.resumed', resumed('s1', { seq: 3, replayed: 2 }), { replyTo: again.id })
  connection.entry('s1', 1, 2)
  connection.entry('s1', 1, 3)
  expect((await take(events, 5)).map(brief)).toEqual(['session.resumed', '1.1', 'session.resumed', '1.2', '1.3'])
})

test('a reset while subscribed voids what was shown and begins the new epoch', async () => {
  const { client, connection } = await connected()
  const events = client.session('s1', { after: 4 })
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1', { seq: 4 }), { replyTo: id })
  connection.send('session.resumed', resumed('s1', { epoch: 2, reset: true }))
  connection.entry('s1', 2, 1)
  expect((await take(events, 4)).map(brief)).toEqual(['session.resumed', 'reset 2', 'session.resumed', '2.1'])
})

test('an epoch that is gone at the reconnect is told, and the new one is read from its first entry', async () => {
  const { gateway, client, connection } = await connected()
  const events = client.session('s1', { epoch: 1, after: 9 })
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1', { seq: 9 }), { replyTo: id })
  await take(events, 1)
  connection.cut()
  const second = await gateway.connection()
  await second.welcome()
  second.send('session.resumed', resumed('s1', { epoch: 2, seq: 2, reset: true }))
  const again = await second.expect('session.subscribe')
  expect(again.payload).toEqual({ sessionId: 's1', epoch: 2, after: 0 })
  second.send('session.resumed', resumed('s1', { epoch: 2, seq: 2, replayed: 2 }), { replyTo: again.id })
  second.entry('s1', 2, 1)
  second.entry('s1', 2, 2)
  expect((await take(events, 4)).map(brief)).toEqual(['reset 2', 'session.resumed', '2.1', '2.2'])
})

test('a log that is shorter than what was seen, as after a restored backup, is a reset too', async () => {
  const { gateway, client, connection } = await connected()
  const events = client.session('s1', { epoch: 1, after: 9 })
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1', { seq: 9 }), { replyTo: id })
  await take(events, 1)
  connection.cut()
  const second = await gateway.connection()
  await second.welcome()
  second.send('session.resumed', resumed('s1', { seq: 3 }))
  const again = await second.expect('session.subscribe')
  expect(again.payload).toEqual({ sessionId: 's1', epoch: 1, after: 0 })
  expect((await take(events, 1)).map(brief)).toEqual(['reset 1'])
})

test('followers of one session share a subscription, each from its own place', async () => {
  const { client, connection } = await connected()
  const seen: string[] = []
  const stop = client.subscribe('s1', { epoch: 1, after: 2 }, event => seen.push(brief(event)))
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1', { seq: 2 }), { replyTo: id })
  const events = client.session('s1', { epoch: 1, after: 0 })
  const again = await connection.expect('session.subscribe')
  expect(again.payload).toEqual({ sessionId: 's1', epoch: 1, after: 0 })
  connection.send('session.resumed', resumed('s1', { seq: 2, replayed: 2 }), { replyTo: again.id })
  for (const seq of [1, 2, 3]) connection.entry('s1', 1, seq)
  expect((await take(events, 4)).map(brief)).toEqual(['session.resumed', '1.1', '1.2', '1.3'])
  expect(seen).toEqual(['session.resumed', 'session.resumed', '1.3'])
  stop()
  connection.entry('s1', 1, 4)
  await take(events, 1)
  expect(seen).toHaveLength(3)
  expect(connection.untaken()).toEqual([])
  await events.return?.()
  await connection.expect('session.unsubscribe')
})

test('a listener hears an event once, even if another of the same session has it replayed', async () => {
  const { client, connection } = await connected()
  const heard: (number | undefined)[] = []
  client.on('session.message', (_payload, frame) => heard.push(frame.seq))
  const events = client.session('s1', { epoch: 1, after: 0 })
  const { id } = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1', { seq: 2, replayed: 2 }), { replyTo: id })
  for (const seq of [1, 2]) connection.entry('s1', 1, seq)
  await take(events, 3)
  const late = client.session('s1', { epoch: 1, after: 0 })
  const again = await connection.expect('session.subscribe')
  connection.send('session.resumed', resumed('s1', { seq: 2, replayed: 2 }), { replyTo: again.id })
  for (const seq of [1, 2, 3]) connection.entry('s1', 1, seq)
  await take(late, 4)
  expect(heard).toEqual([1, 2, 3])
})

test('a slow consumer gets every entry: what did not fit is read again from the log', async () => {
  const { client, connection } = await connected()
  const events = client.session('s1', { epoch: 1, after: 0 })
  const { id } = await connection.expect('session.subscribe')
  const total = maxBufferedEvents + 500
  connection.send('session.resumed', resumed('s1', { seq: total, replayed: total }), { replyTo: id })
  for (let seq = 1; seq <= total; seq++) connection.entry('s1', 1, seq)
  const probe = client.request('ping', {})
  connection.send('pong', {}, { replyTo: (await connection.expect('ping')).id })
  await probe
  const first = await take(events, maxBufferedEvents)
  const again = await connection.expect('session.subscribe')
  // The first place in the buffer is taken by `session.resumed`.
  const after = maxBufferedEvents - 1
  expect(again.payload).toEqual({ sessionId: 's1', epoch: 1, after })
  connection.send('session.resumed', resumed('s1', { seq: total, replayed: total - after }), { replyTo: again.id })
  for (let seq = after + 1; seq <= total; seq++) connection.entry('s1', 1, seq)
  const rest = await take(events, total - after + 1)
  const seqs = [...first, ...rest].flatMap(event => ('seq' in event ? [event.seq] : []))
  expect(seqs).toEqual(Array.from({ length: total }, (_, index) => index + 1))
})

test('sessions beyond what one hello takes are subscribed to after it', async () => {
  const { gateway, client, connection } = await connected()
  connection.answer(({ type, payload }) =>
    type === 'session.subscribe' ? { type: 'session.resumed', payload: resumed(String(payload.sessionId)) } : undefined,
  )
  const first = Array.from({ length: 258 }, (_, index) => client.session(`s${index}`))
  await Promise.all(first.map(events => take(events, 1)))
  connection.cut()
  const second = await gateway.connection()
  const hello = await second.welcome()
  expect(hello.resume).toHaveLength(256)
  const rest = [await second.expect('session.subscribe'), await second.expect('session.subscribe')]
  expect(rest.map(frame => frame.payload)).toEqual([
    { sessionId: 's256', epoch: 1, after: 0 },
    { sessionId: 's257', epoch: 1, after: 0 },
  ])
})
