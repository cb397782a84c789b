import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { entry, everyPlace, fill, newSession, places } from '../support/log-reader.ts'
import { errorLines, frameText, rawSocket } from '../support/raw-socket.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await testGateway()
})
afterAll(async () => {
  expect(errorLines(gateway.logs)).toEqual([])
  await gateway[Symbol.asyncDispose]()
})

const open = () => rawSocket(gateway.port, { token: testToken })

test.each([
  ['after omitted', {}, { reset: false, replayed: 0, seq: 6 }, []],
  ['after 0', { after: 0 }, { reset: false, replayed: 6, seq: 6 }, everyPlace(6)],
  ['after 4', { epoch: 1, after: 4 }, { reset: false, replayed: 2, seq: 6 }, ['1.5', '1.6']],
  ['after the head', { after: 6 }, { reset: false, replayed: 0 }, []],
  ['after more than there is', { after: 7 }, { reset: true, replayed: 0, seq: 6 }, []],
  ['an epoch that never was', { epoch: 9, after: 1 }, { reset: true, replayed: 0, epoch: 1 }, []],
  ['epoch 0', { epoch: 0, after: 0 }, { reset: true, replayed: 0, epoch: 1 }, []],
])('a subscription with %s gets what is missing, then what comes', async (_what, at, resumed, replayed) => {
  using writer = await open()
  using reader = await open()
  const sessionId = await newSession(writer)
  await fill(writer, sessionId, 3)
  const reply = await reader.ask('session.subscribe', { sessionId, ...at })
  expect(reply).toMatchObject({ type: 'session.resumed', payload: { sessionId, run: null, ...resumed } })
  await fill(writer, sessionId, 1)
  await reader.until(entry(8))
  expect(places(reader, sessionId)).toEqual([...replayed, '1.7', '1.8'])
})

test('twenty clients send at once while others join: everyone gets every entry once and in order', async () => {
  using first = await open()
  const sessionId = await newSession(first)
  const senders = await Promise.all(Array.from({ length: 20 }, open))
  const sending = Promise.all(
    senders.map(async (sender, number) => {
      for (let count = 0; count < 5; count++) {
        await sender.ask('session.send_message', { sessionId, text: `${number} says ${count}` })
      }
    }),
  )
  const joined = []
  for (const after of [40, 60, 100, 140]) {
    await first.until(entry(after))
    const reader = await open()
    const from = after % 40 === 0 ? 0 : after - 10
    reader.send('session.subscribe', { sessionId, after: from })
    joined.push({ reader, from })
  }
  await sending
  const all = [{ reader: first, from: 0 }, ...joined]
  await Promise.all(all.map(({ reader }) => reader.until(entry(200))))
  for (const { reader, from } of all) expect(places(reader, sessionId)).toEqual(everyPlace(200, 1, from + 1))
  await Promise.all(senders.map(sender => sender.until(entry(200))))
  for (const sender of senders) {
    const got = places(sender, sessionId)
    expect(got).toEqual(everyPlace(200, 1, Number(got[0]?.slice(2))))
    sender[Symbol.dispose]()
  }
  for (const { reader } of joined) reader[Symbol.dispose]()
}, 40_000)

test('messages sent without waiting subscribe their sender once', async () => {
  using writer = await open()
  const sessionId = await newSession(writer)
  for (let round = 0; round < 20; round++) {
    using sender = await open()
    const texts = Array.from({ length: 5 }, (_, number) =>
      frameText('session.send_message', { sessionId, text: `${number}` }),
    )
    for (const text of texts) sender.ws.send(text)
    const before = round * 10
    await sender.until(entry(before + 10))
    expect(places(sender, sessionId)).toEqual(everyPlace(before + 10, 1, before + 1))
  }
})

test('a replay that is asked for and a message in one breath give every entry once', async () => {
  using writer = await open()
  const sessionId = await newSession(writer)
  await fill(writer, sessionId, 5)
  using reader = await open()
  reader.send('session.subscribe', { sessionId, after: 0 })
  reader.send('session.send_message', { sessionId, text: 'and this' })
  await reader.until(entry(12))
  expect(places(reader, sessionId)).toEqual(everyPlace(12))
})

test('of two subscriptions of one connection to one session the later counts', async () => {
  using writer = await open()
  const sessionId = await newSession(writer)
  await fill(writer, sessionId, 3)
  using reader = await open()
  await reader.ask('session.subscribe', { sessionId })
  await reader.ask('session.subscribe', { sessionId, after: 4 })
  await fill(writer, sessionId, 1)
  await reader.until(entry(8))
  expect(places(reader, sessionId)).toEqual(everyPlace(8, 1, 5))
})

test('one connection follows two sessions, and ends one of them', async () => {
  using writer = await open()
  using reader = await open()
  const [one, two] = [await newSession(writer), await newSession(writer)]
  for (const sessionId of [one, two]) await reader.ask('session.subscribe', { sessionId, after: 0 })
  await fill(writer, one, 1)
  await reader.until(frame => entry(2)(frame) && frame.payload['sessionId'] === one)
  expect(await reader.ask('session.unsubscribe', { sessionId: one })).toMatchObject({
    type: 'session.unsubscribed',
    payload: { sessionId: one },
  })
  await fill(writer, one, 1)
  await fill(writer, two, 1)
  await reader.until(frame => entry(2)(frame) && frame.payload['sessionId'] === two)
  expect([places(reader, one), places(reader, two)]).toEqual([everyPlace(2), everyPlace(2)])
})

test('who subscribes during a run gets its text so far, then every piece after it', async () => {
  using writer = await open()
  const sessionId = await newSession(writer)
  await writer.ask('session.send_message', { sessionId, text: '/slow 40' })
  await writer.until(frame => frame.type === 'session.message.delta' && frame.payload['index'] === 10)
  using reader = await open()
  const resumed = await reader.ask('session.subscribe', { sessionId, after: 0 })
  expect(resumed.payload['run']).toMatchObject({ state: 'running' })
  const final = await reader.until(frame => frame.type === 'session.message.final')
  const live = reader.frames.filter(frame => /\.(snapshot|delta)$/.test(frame.type))
  expect(live.map(frame => frame.type)).toEqual([
    'session.message.snapshot',
    ...Array(live.length - 1).fill('session.message.delta'),
  ])
  const from = Number(live[0]?.payload['index'])
  expect(live.map(frame => frame.payload['index'])).toEqual(live.map((_, index) => from + index))
  const text = live.map(frame => frame.payload['text'] ?? frame.payload['delta']).join('')
  expect(final.payload['message']).toMatchObject({ content: text })
  expect(text.split(' ')).toHaveLength(40)
  expect(reader.frames.map(frame => frame.type).filter(type => type === 'session.message.final')).toHaveLength(1)
})

test('hello goes on with several sessions, each under its own answer', async () => {
  using writer = await open()
  const [one, two, gone] = [await newSession(writer), await newSession(writer), await newSession(writer)]
  await fill(writer, one, 2)
  await fill(writer, two, 1)
  await writer.ask('session.delete', { sessionId: gone })
  const resume = [
    { sessionId: one, epoch: 1, after: 1 },
    { sessionId: gone, epoch: 1, after: 0 },
    { sessionId: two, epoch: 7, after: 1 },
  ]
  using reader = await rawSocket(gateway.port, { token: testToken, hello: { resume } })
  await reader.until(frame => frame.type === 'session.resumed' && frame.payload['sessionId'] === two)
  await reader.until(frame => entry(4)(frame))
  const answers = reader.frames.filter(frame => /resumed|error/.test(frame.type))
  expect(answers.map(({ type, replyTo, payload }) => ({ type, replyTo, ...payload }))).toMatchObject([
    { type: 'session.resumed', replyTo: undefined, sessionId: one, reset: false, replayed: 3 },
    { type: 'session.error', replyTo: undefined, sessionId: gone, code: 'SESSION_NOT_FOUND' },
    { type: 'session.resumed', replyTo: undefined, sessionId: two, reset: true, epoch: 1 },
  ])
  expect(reader.frames.findIndex(frame => frame.type === 'welcome')).toBeLessThan(
    reader.frames.findIndex(frame => frame.type === 'session.resumed'),
  )
  expect([places(reader, one), places(reader, two)]).toEqual([['1.2', '1.3', '1.4'], []])
})

test('a reset begins a new epoch for every subscriber, and a run of the old one says no more', async () => {
  using writer = await open()
  using reader = await open()
  const sessionId = await newSession(writer)
  await reader.ask('session.subscribe', { sessionId, after: 0 })
  await writer.ask('session.send_message', { sessionId, text: '/slow 400' })
  await reader.until(frame => frame.type === 'session.message.delta' && frame.payload['index'] === 3)
  expect(await writer.ask('session.reset', { sessionId })).toMatchObject({
    payload: { sessionId, success: true, epoch: 2 },
  })
  const told = await reader.until(frame => frame.type === 'session.resumed' && frame.replyTo === undefined)
  expect(told.payload).toMatchObject({ sessionId, epoch: 2, seq: 0, reset: true })
  await fill(writer, sessionId, 1)
  await reader.until(entry(2, 2))
  const after = reader.frames.slice(reader.frames.indexOf(told))
  expect(places(reader, sessionId)).toEqual(['1.1', '1.2', '2.1', '2.2'])
  expect(
    after
      .filter(frame => frame.type === 'session.message.delta')
      .map(frame => frame.payload['delta'])
      .join(''),
  ).toBe('offline: message 1')
  using late = await open()
  expect(await late.ask('session.subscribe', { sessionId, epoch: 1, after: 1 })).toMatchObject({
    payload: { reset: true, epoch: 2, seq: 2 },
  })
  const old = await late.ask('session.history', { sessionId, epoch: 1, after: 0 })
  expect(old.payload['messages']).toMatchObject([{ role: 'user', content: '/slow 400' }, { incomplete: true }])
})

test('a deleted session says so to its subscribers once, and is gone for everyone', async () => {
  using writer = await open()
  using reader = await open()
  const sessionId = await newSession(writer)
  await reader.ask('session.list', { watch: true })
  await reader.ask('session.subscribe', { sessionId })
  await writer.ask('session.delete', { sessionId })
  await reader.until(frame => frame.type === 'session.deleted')
  expect(await reader.ask('session.get', { sessionId })).toMatchObject({ payload: { code: 'SESSION_NOT_FOUND' } })
  expect(await reader.ask('session.subscribe', { sessionId })).toMatchObject({
    type: 'session.error',
    payload: { code: 'SESSION_NOT_FOUND', sessionId },
  })
  expect(await reader.ask('session.send_message', { sessionId, text: 'x' })).toMatchObject({ type: 'session.error' })
  expect(reader.frames.filter(frame => frame.type === 'session.deleted')).toHaveLength(1)
  expect(await writer.ask('session.restore', { sessionId })).toMatchObject({ type: 'session.updated' })
  expect((await reader.ask('session.get', { sessionId })).type).toBe('session.get')
})

test('who watches the list is told of every change, who does not is not', async () => {
  using watcher = await open()
  using other = await open()
  using writer = await open()
  await watcher.ask('session.list', { watch: true })
  await other.ask('session.list', {})
  const sessionId = await newSession(writer)
  await writer.ask('session.update', { sessionId, title: 'Renamed' })
  await writer.ask('session.delete', { sessionId })
  await watcher.until(frame => frame.type === 'session.deleted' && frame.payload['sessionId'] === sessionId)
  const seen = watcher.frames.filter(frame => /^session\.(created|updated|deleted)$/.test(frame.type))
  expect(seen.map(frame => frame.type)).toEqual(['session.created', 'session.updated', 'session.deleted'])
  expect(seen[1]?.payload['session']).toMatchObject({ id: sessionId, title: 'Renamed' })
  await other.ask('ping')
  expect(
    other.frames.filter(frame => /created|updated|deleted/.test(frame.type) && frame.type.startsWith('session')),
  ).toEqual([])
})

test('messages that come during a run have runs of their own, in order, and each context ends at its message', async () => {
  using writer = await open()
  const sessionId = await newSession(writer)
  const texts = ['/slow 10', 'second', 'third']
  const accepted = await Promise.all(texts.map(text => writer.ask('session.send_message', { sessionId, text })))
  const runIds = accepted.map(frame => frame.payload['runId'])
  expect(accepted.map(frame => frame.payload['seq'])).toEqual([1, 2, 3])
  await writer.until(entry(6))
  const finals = writer.frames.filter(frame => frame.type === 'session.message.final')
  expect(finals.map(frame => frame.payload['runId'])).toEqual(runIds)
  const said = finals.map(frame => (frame.payload['message'] as { content: string }).content) // As the events table has it.
  expect(said.slice(1)).toEqual(['offline: second', 'offline: third'])
  const turns = writer.frames.filter(frame => frame.type === 'run.started' || frame.type === 'run.finished')
  expect(turns.map(frame => [frame.type, frame.payload['runId']])).toEqual(
    runIds.flatMap(runId => [
      ['run.started', runId],
      ['run.finished', runId],
    ]),
  )
})

test('a cancelled run keeps its text as incomplete, and the next message is answered', async () => {
  using writer = await open()
  const sessionId = await newSession(writer)
  const { payload } = await writer.ask('session.send_message', { sessionId, text: '/slow 400' })
  await writer.until(frame => frame.type === 'session.message.delta' && frame.payload['index'] === 2)
  expect(await writer.ask('session.cancel', { sessionId })).toMatchObject({
    payload: { sessionId, runId: payload['runId'] },
  })
  const final = await writer.until(frame => frame.type === 'session.message.final')
  expect(final.payload).toMatchObject({ incomplete: true, message: { content: expect.stringMatching(/^word1 word2/) } })
  expect(await writer.ask('session.cancel', { sessionId })).toMatchObject({ payload: { runId: null } })
  await fill(writer, sessionId, 1)
})
