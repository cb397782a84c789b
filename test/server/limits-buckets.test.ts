import { describe, expect, test } from 'vitest'
import { bucketOf } from '../../src/server/attempts.ts'
import { createClientAddress, isNetwork } from '../../src/server/client-address.ts'
import { createBuckets } from '../../src/server/limits/buckets.ts'

const rate = { limit: 10, windowMs: 60_000 }

/** Takes as often as it fits; how often that was. */
function drain(buckets: ReturnType<typeof createBuckets>, key: string, now: number): number {
  for (let count = 0; ; count += 1) {
    if (buckets.look(key, rate, now).waitMs > 0) return count
    buckets.take(key, rate, now)
  }
}

describe('a bucket', () => {
  test('gives all that it holds at once, and then one per share of its window', () => {
    const buckets = createBuckets(100)
    expect(drain(buckets, 'a', 1_000_000)).toBe(10)
    expect(buckets.look('a', rate, 1_000_000)).toEqual({ remaining: 0, waitMs: 6_000, resetMs: 60_000 })
    expect(drain(buckets, 'a', 1_005_999)).toBe(0)
    expect(drain(buckets, 'a', 1_006_000)).toBe(1)
    expect(drain(buckets, 'a', 1_066_000)).toBe(10)
    expect(drain(buckets, 'b', 1_066_000)).toBe(10)
  })

  test('lets through what was refused exactly after the time that it told', () => {
    const buckets = createBuckets(100)
    const odd = { limit: 7, windowMs: 10_000 }
    let now = 12_345.678
    for (let round = 0; round < 1_000; round += 1) {
      const { waitMs } = buckets.look('a', odd, now)
      now += waitMs
      expect(buckets.look('a', odd, now).waitMs).toBe(0)
      buckets.take('a', odd, now)
    }
    // Seven at once, and the others at their pace.
    expect(now - 12_345.678).toBeCloseTo((993 * 10_000) / 7, 1)
  })

  test('keeps its share when the limit changes', () => {
    const buckets = createBuckets(100)
    for (let count = 0; count < 5; count += 1) buckets.take('a', rate, 1_000)
    expect(buckets.look('a', rate, 1_000).remaining).toBe(5)
    expect(buckets.look('a', { ...rate, limit: 100 }, 1_000).remaining).toBe(50)
  })

  test('takes one thing that is larger than itself when it is full', () => {
    const buckets = createBuckets(100)
    expect(buckets.look('a', rate, 1_000, 25).waitMs).toBe(0)
    buckets.take('a', rate, 1_000, 25)
    expect(buckets.look('a', rate, 1_000).waitMs).toBeGreaterThan(60_000)
  })
})

describe('the keys', () => {
  test('are bounded, and of those that are used again none is forgotten', () => {
    const buckets = createBuckets(1_000)
    drain(buckets, 'hot', 1_000)
    for (let number = 0; number < 100_000; number += 1) {
      buckets.take(`10.0.${number >> 8}.${number}`, rate, 1_000)
      if (number % 100 === 0) buckets.take('hot', rate, 1_000)
    }
    expect(buckets.size()).toBeLessThanOrEqual(1_001)
    expect(buckets.look('hot', rate, 1_000).remaining).toBe(0)
  })

  test('are forgotten once their buckets are full again', () => {
    const buckets = createBuckets(1_000)
    for (let number = 0; number < 400; number += 1) buckets.take(`key ${number}`, rate, 1_000)
    for (let at = 1; at <= 3; at += 1) buckets.take('other', rate, at * 130_000)
    expect(buckets.size()).toBeLessThanOrEqual(2)
  })
})

describe('the key of an address', () => {
  test.each([
    ['203.0.113.1', ['::ffff:203.0.113.1', '::FFFF:203.0.113.1', '::ffff:cb00:7101', '0:0:0:0:0:ffff:cb00:7101']],
    ['2001:db8:0:1', ['2001:db8:0:1::', '2001:0DB8::1:a:b:c:d', '2001:db8:0:0001:ffff::9']],
    ['0:0:0:0', ['::1', '::', '::203.0.113.1']],
    ['fe80:0:0:0', ['fe80::1%eth0', 'fe80::2']],
  ])('%s is that of all its forms', (key, forms) => {
    expect(forms.map(bucketOf)).toEqual(forms.map(() => key))
  })
})

describe('the address of a client', () => {
  const trusted = ['10.0.0.0/8', '::1', '127.0.0.1']
  test.each([
    ['is that of the peer where no proxy is trusted', [], '127.0.0.1', '203.0.113.9', '127.0.0.1'],
    ['is that of the peer where that is no proxy', trusted, '198.51.100.1', '203.0.113.9', '198.51.100.1'],
    ['is what the proxy saw', trusted, '127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['is the last that is no proxy', trusted, '::1', '1.2.3.4, 203.0.113.9, 10.1.1.1', '203.0.113.9'],
    ['is never what is no address', trusted, '10.9.9.9', '203.0.113.9, evil', '10.9.9.9'],
    ['is known over an IPv6 socket', trusted, '::ffff:127.0.0.1', '2001:db8::7', '2001:db8::7'],
    ['is that of the proxy where it says nothing', trusted, '10.9.9.9', undefined, '10.9.9.9'],
  ])('%s', (_what, list, remoteAddress, forwardedFor, address) => {
    expect(createClientAddress(() => list)({ remoteAddress, forwardedFor })).toBe(address)
  })

  test.each([
    ['10.0.0.0/8', true],
    ['2001:db8::/32', true],
    ['::1', true],
    ['10.0.0.0/33', false],
    ['10.0.0.0/', false],
    ['10.0.0.0/8/8', false],
    ['proxy.example', false],
  ])('of a proxy as %s is accepted: %s', (text, fine) => expect(isNetwork(text)).toBe(fine))
})
