import { expect, test } from 'vitest'
import { testGateway } from '../support/gateway.ts'
import { Hammer } from './hammer.ts'

const readers = 8

const variants = [
  { name: 'caches as they are by default', env: {} },
  { name: 'a cache of two sessions, so that nearly every read evicts one', env: { TALON_CACHE_SESSIONS: '2' } },
  {
    name: 'caches that forget at once',
    env: { TALON_CACHE_SESSION_TTL_MS: '1', TALON_CACHE_STATUS_TTL_MS: '1', TALON_CACHE_TOOL_TTL_MS: '1' },
  },
]

test.each(variants)('who reads after an acknowledgement sees it, with $name', { timeout: 120_000 }, async ({ env }) => {
  await using gateway = await testGateway({ env })
  const hammer = new Hammer(gateway, 20_261_123)
  await hammer.begin()
  const writing = Promise.all([...hammer.owners(), ...hammer.configurers(), ...hammer.senders()]).finally(() => {
    hammer.over = true
  })
  const reading = Array.from({ length: readers }, (_, index) => hammer.reader(index))
  await Promise.all([writing, ...reading])
  expect(hammer.complaints).toEqual([])
  await hammer.countsAgree()
  const [ofSessions] = gateway.app.caches.stats()
  expect(ofSessions?.size).toBeLessThanOrEqual(ofSessions?.max ?? 0)
  expect(ofSessions?.hits).toBeGreaterThan(0)
})
