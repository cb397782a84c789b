/** How fast a bucket fills: it holds `limit` and is full again `windowMs` after it was empty. */
export interface Rate {
  limit: number
  windowMs: number
}

/** A bucket as it is now. */
export interface Level {
  remaining: number
  /** Time until what was asked for fits; 0 if it does. */
  waitMs: number
  /** Time until the bucket is full. */
  resetMs: number
}

/**
 * Judges one bucket by the time at which it will be full (the generic cell rate algorithm of ATM Forum TM 4.0, which is a
 * token bucket that keeps one number). The time stays right when the limit changes.
 */
export function levelAt(fullAt: number, { limit, windowMs }: Rate, now: number, cost: number): Level {
  const usedMs = Math.max(0, fullAt - now)
  const eachMs = windowMs / limit
  // What is larger than a bucket fits into a full one, or it would fit never.
  const roomMs = windowMs - Math.min(windowMs, cost * eachMs)
  // The small share forgives what adding up fractions loses.
  const remaining = Math.max(0, Math.floor((windowMs - usedMs) / eachMs + 1e-6))
  return { remaining, waitMs: usedMs - roomMs > eachMs * 1e-6 ? usedMs - roomMs : 0, resetMs: usedMs }
}

/** Takes from a bucket; its new time. */
export function takenFrom(fullAt: number, { limit, windowMs }: Rate, now: number, cost: number): number {
  return Math.max(fullAt, now) + (cost * windowMs) / limit
}

/** The buckets of one limit, by key. */
export interface Buckets {
  look(key: string, rate: Rate, now: number, cost?: number): Level
  take(key: string, rate: Rate, now: number, cost?: number): void
  /** The keys of which least is left, the emptiest first, of those that are less than half full. */
  emptiest(count: number, rate: Rate, now: number): { key: string; level: Level }[]
  size(): number
}

/**
 * Keeps two generations of keys: what was not used while a whole generation filled, or for longer than a window, is
 * forgotten at once and in constant time. A bucket that was not used for a window is full, so that loses nothing.
 * @param maxKeys more are not kept; the oldest are forgotten, which costs a flood from that many addresses an address each
 */
export function createBuckets(maxKeys: number): Buckets {
  let young = new Map<string, number>()
  let old = new Map<string, number>()
  let turnedAt = 0
  const turn = (now: number) => {
    old = young
    young = new Map()
    turnedAt = now
  }
  const fullAt = (key: string) => young.get(key) ?? old.get(key) ?? 0
  return {
    look: (key, rate, now, cost = 1) => levelAt(fullAt(key), rate, now, cost),
    take(key, rate, now, cost = 1) {
      const next = takenFrom(fullAt(key), rate, now, cost)
      if (young.size >= maxKeys / 2 || now - turnedAt > 2 * rate.windowMs) turn(now)
      young.set(key, next)
    },
    emptiest(count, rate, now) {
      // Keys of both generations; the younger time is the true one. At most `maxKeys`, which takes a few milliseconds.
      const used = new Map<string, number>()
      for (const [key, at] of [...old, ...young]) if (at - now > rate.windowMs / 2) used.set(key, at)
      const first = [...used].sort(([, a], [, b]) => b - a).slice(0, count)
      return first.map(([key, at]) => ({ key, level: levelAt(at, rate, now, 1) }))
    },
    size: () => young.size + old.size,
  }
}
