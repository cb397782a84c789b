import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { testGateway, testToken } from '../support/gateway.ts'
import { rawSocket } from '../support/raw-socket.ts'

/** Keeps the event loop busy, on which the gateway of a test works too. */
function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('what has waited for longer than its deadline is refused before it begins, and what comes later is served', async () => {
  let blocked = false
  await using gateway = await testGateway({
    env: { TALON_LIMITS_REQUEST_DEADLINE_MS: '100', TALON_LOG_LEVEL: 'debug' },
    // One request takes long while others wait behind it.
    writeLog(line) {
      if (blocked || !line.includes('"type":"ping"') || gateway.app.limits.lanes.waiting() === 0) return
      blocked = true
      block(300)
    },
  })
  using socket = await rawSocket(gateway.port, { token: testToken, keep: true })
  const ids = Array.from({ length: 2_000 }, () => socket.send('ping'))
  await Promise.all(ids.map(id => socket.until(({ replyTo }) => replyTo === id)))
  const replies = socket.frames.filter(({ replyTo }) => replyTo !== undefined && ids.includes(replyTo))
  expect(replies).toHaveLength(ids.length)
  const late = replies.filter(({ payload }) => payload['code'] === 'TIMEOUT')
  expect(late.length).toBeGreaterThan(0)
  expect(late.length).toBeLessThan(ids.length)
  for (const { payload } of late) {
    expect(payload).toMatchObject({ status: 504, retryable: true })
    expect(payload['retryAfterMs']).toBeGreaterThan(0)
  }
  const ask = async () => (await socket.ask('ping')).type
  await expect.poll(ask, { timeout: 20_000 }).toBe('pong')
})

test('a gateway that is behind refuses changes with OVERLOADED, serves reads, and recovers', async () => {
  await using gateway = await testGateway({ env: { TALON_LIMITS_MAX_LAG_MS: '100' } })
  using socket = await rawSocket(gateway.port, { token: testToken, keep: true })
  // What is done for the first time takes longer.
  const [path, asked] = ['/api/v1/sessions', { senderId: 'ada', channel: 'test' }]
  const body = JSON.stringify(asked)
  await expect
    .poll(async () => (await gateway.fetch(path, { method: 'POST', body })).status, { timeout: 20_000 })
    .toBe(201)
  const http = connect(gateway.port, '127.0.0.1')
  await once(http, 'connect')
  const answer = once(http, 'data')
  // Twice in a row, so that it is no single pause; in between the timers have their turn.
  for (const _pause of [1, 2]) {
    block(1_500)
    await sleep(1)
  }
  const change = socket.send('session.create', asked)
  const read = socket.send('session.list')
  const fields = [`Host: 127.0.0.1:${gateway.port}`, `Authorization: Bearer ${testToken}`]
  const about = ['Content-Type: application/json', `Content-Length: ${body.length}`, 'Connection: close']
  http.write(`${[`POST ${path} HTTP/1.1`, ...fields, ...about].join('\r\n')}\r\n\r\n${body}`)
  block(1_500)
  const refused = await socket.until(({ replyTo }) => replyTo === change)
  expect(refused.payload).toMatchObject({ code: 'OVERLOADED', status: 503, retryable: true, retryAfterMs: 1_000 })
  expect((await socket.until(({ replyTo }) => replyTo === read)).type).toBe('session.list')
  const [head] = await answer
  expect(String(head)).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nretry-after: 1\r\n/i)
  expect(gateway.app.limits.stats().refused.overload).toBeGreaterThanOrEqual(2)
  const again = () => socket.ask('session.create', asked, { id: change })
  await expect.poll(async () => (await again()).type, { timeout: 20_000 }).toBe('session.created')
  http.destroy()
})
