import { LRUCache } from 'lru-cache'
import { TalonError } from '../protocol/errors.ts'
import type { Clock } from './record.ts'

/** Failed attempts to sign in, counted by socket address, loopback included. */
export interface Attempts {
  /** Counts one more failure. */
  failed(address: string): void
  /** How long this address stays locked out, in ms; 0 if it is not. */
  lockedForMs(address: string): number
  /** What is left to this address before it is locked out. */
  state(address: string, limit: number): { limit: number; windowMs: number; remaining: number; resetMs: number }
  /** @throws TalonError `RATE_LIMITED` while the address is locked out */
  refuseLocked(address: string): void
}

const windowMs = 60_000
const lockMs = 60_000
// 50,000 addresses take about 10 MB; a flood from more of them forgets the oldest, which costs a guesser an address each.
const maxAddresses = 50_000

interface Bucket {
  failures: number
  windowEndsAt: number
  lockedUntil: number
}

/** @param limit failures in a minute; the next one locks the address out for a minute. `Infinity` counts nothing. */
export function createAttempts(deps: {
  clock: Pick<Clock, 'monotonic'>
  limit: number
  onFailure?: () => void
  onRefusal?: () => void
}): Attempts {
  const buckets = new LRUCache<string, Bucket>({ max: maxAddresses })
  const lockedForMs = (address: string) => {
    const bucket = buckets.get(bucketOf(address))
    return bucket ? Math.max(0, bucket.lockedUntil - deps.clock.monotonic()) : 0
  }
  return {
    lockedForMs,
    state(address, limit) {
      const bucket = buckets.get(bucketOf(address))
      const lockedMs = lockedForMs(address)
      if (lockedMs > 0) return { limit, windowMs, remaining: 0, resetMs: Math.ceil(lockedMs) }
      const leftMs = bucket ? bucket.windowEndsAt - deps.clock.monotonic() : 0
      if (!bucket || leftMs <= 0) return { limit, windowMs, remaining: limit, resetMs: 0 }
      return { limit, windowMs, remaining: Math.max(0, limit - bucket.failures), resetMs: Math.ceil(leftMs) }
    },
    failed(address) {
      deps.onFailure?.()
      if (deps.limit === Infinity) return
      const now = deps.clock.monotonic()
      const key = bucketOf(address)
      const old = buckets.get(key)
      const bucket =
        old && old.windowEndsAt > now
          ? old
          : { failures: 0, windowEndsAt: now + windowMs, lockedUntil: old?.lockedUntil ?? 0 }
      bucket.failures += 1
      if (bucket.failures >= deps.limit && bucket.lockedUntil <= now) {
        buckets.set(key, { failures: 0, windowEndsAt: now + windowMs, lockedUntil: now + lockMs })
      } else buckets.set(key, bucket)
    },
    refuseLocked(address) {
      const waitMs = lockedForMs(address)
      if (waitMs <= 0) return
      deps.onRefusal?.()
      const seconds = Math.ceil(waitMs / 1000)
      throw new TalonError('RATE_LIMITED', `Too many failed sign-ins from this address. Try again in ${seconds} s.`, {
        retryAfterMs: Math.ceil(waitMs),
        details: { name: 'authFailures', limit: deps.limit, windowMs, remaining: 0 },
      })
    },
  }
}

/** A household or server usually holds a whole IPv6 /64, so one is counted as one, however it is written; IPv4 counts by address. */
export function bucketOf(address: string): string {
  const written = address.toLowerCase()
  const embedded = /^(?:::ffff:|0*(?::0+){4}:ffff:)(\d+\.[\d.]+)$/.exec(written)?.[1]
  if (embedded !== undefined || !written.includes(':')) return embedded ?? written
  const groups = groupsOf(written)
  // An IPv4 address in the form of IPv6 (RFC 4291 section 2.5.5.2), which a /64 of would be all of them.
  if (groups.slice(0, 6).join() === '0,0,0,0,0,ffff') return groups.slice(6).flatMap(bytesOf).join('.')
  return groups.slice(0, 4).join(':')
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail ? tail.split(':') : []
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right]
  return groups.map(group => group.replace(/^0+(?=.)/, ''))
}

function bytesOf(group: string): number[] {
  const value = Number.parseInt(group, 16)
  return [value >> 8, value & 0xff]
}
