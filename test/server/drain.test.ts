import { expect, test } from 'vitest'
import type { RunScheduler } from '../../src/server/agent/runs.ts'
import { testGateway, testToken } from '../support/gateway.ts'
import { newSession } from '../support/log-reader.ts'
import { errorLines, rawRequest, rawSocket, upgradeLines } from '../support/raw-socket.ts'

test('a stop lets runs end, takes no new work, and closes with 1012', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const sessionId = await newSession(socket)
  await socket.ask('session.send_message', { sessionId, text: '/slow 40' })
  await socket.until(frame => frame.type === 'session.message.delta')
  const stopping = gateway.stop()
  expect(await socket.until(frame => frame.type === 'gateway.draining')).toMatchObject({
    payload: { restartExpectedMs: expect.any(Number) },
  })
  const ready = await gateway.fetch('/readyz', { token: '' })
  expect([ready.status, (await gateway.fetch('/livez', { token: '' })).status]).toEqual([503, 200])
  expect(await socket.ask('session.send_message', { sessionId, text: 'too late' })).toMatchObject({
    type: 'error',
    payload: { code: 'DRAINING', status: 503, retryable: true, retryAfterMs: expect.any(Number) },
  })
  const posted = await gateway.fetch(`/api/v1/sessions/${sessionId}/messages`, {
    method: 'POST',
    body: '{"text":"too late"}',
  })
  expect([posted.status, posted.headers.get('retry-after')]).toEqual([503, '2'])
  expect((await socket.ask('session.get', { sessionId })).type).toBe('session.get')
  const upgrade = await rawRequest(
    gateway.port,
    upgradeLines(gateway.port, '/ws', { Authorization: `Bearer ${testToken}` }),
  )
  expect(upgrade).toMatchObject({ status: 503, headers: { 'retry-after': '2' } })
  const final = await socket.until(frame => frame.type === 'session.message.final')
  expect(final.payload['incomplete']).toBeUndefined()
  expect(final.payload['message']).toMatchObject({ content: expect.stringMatching(/word40$/) })
  expect(await socket.closed).toMatchObject({ code: 1012 })
  await stopping
  await gateway.stopped
  expect(errorLines(gateway.logs)).toEqual([])
})

test('runs that are longer than the grace are interrupted, and their text is kept', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const sessionIds = await Promise.all(Array.from({ length: 20 }, () => newSession(socket)))
  for (const sessionId of sessionIds) await socket.ask('session.send_message', { sessionId, text: '/slow 400' })
  const [last] = sessionIds.slice(-1)
  await socket.until(
    frame =>
      frame.type === 'session.message.delta' && frame.payload['sessionId'] === last && frame.payload['index'] === 2,
  )
  const runs = gateway.app.runs as RunScheduler // The record shows of the scheduler what handlers may use.
  await runs.drain(100)
  const isEnd = (sessionId: string) =>
    socket.until(frame => frame.type === 'run.finished' && frame.payload['sessionId'] === sessionId)
  const ends = await Promise.all(sessionIds.map(isEnd))
  expect(new Set(ends.map(frame => frame.payload['state']))).toEqual(new Set(['interrupted']))
  for (const sessionId of sessionIds) {
    const { entries } = await gateway.app.store.history({
      sessionId,
      epoch: 1,
      after: 0,
      limit: 10,
      maxBytes: 1_000_000,
    })
    expect(entries.map(({ message }) => [message.role, message.incomplete ?? false])).toEqual([
      ['user', false],
      ['assistant', true],
    ])
    expect(entries[1]?.message.content).toMatch(/^word1 word2 /)
  }
  expect(await gateway.app.store.unfinishedRuns()).toEqual([])
})

test('a stop ends although clients keep their connections open and say nothing', async () => {
  await using gateway = await testGateway()
  using mute = await rawSocket(gateway.port, { token: testToken })
  mute.ws.pause()
  using stranger = await rawSocket(gateway.port)
  const events = new AbortController()
  using writer = await rawSocket(gateway.port, { token: testToken })
  const sessionId = await newSession(writer)
  const stream = await gateway.fetch(`/api/v1/sessions/${sessionId}/events`, { signal: events.signal })
  expect(stream.status).toBe(200)
  const started = performance.now()
  await gateway.stop()
  expect(performance.now() - started).toBeLessThan(5_000)
  expect((await stranger.closed).code).toBe(1012)
  events.abort()
})
