import type { Cache } from './cache.ts'

/** The writes that are on their way, in the order in which they began. */
export interface Writes {
  /** Number of the one that began last. */
  newest(): number
  /** Number of the oldest that has not ended; infinite if none is on its way. */
  oldest(): number
}

/** Reads that go through a cache, which commits correct. */
export interface ReadThrough<Value extends object> {
  /** What is known, else what `read` says. Values that are undefined are asked for each time. */
  get(key: string, read: () => Promise<Value | undefined>): Promise<Value | undefined>
  /** What a commit says: from now on this is the value. */
  correct(key: string, value: Value): void
  /** From now on the value is another one. */
  drop(key: string): void
  clear(): void
}

// Reads of this many values are remembered while one write is on its way, which can be a long one.
const maxAhead = 10_000

/**
 * Lets a cache answer reads, so that none is older than what was told before it began. Two things can go wrong, because a
 * commit is on disk a moment before it is told of:
 *
 * - A read began before a commit was told and ends after it: what it says may be old, so it is not kept.
 * - A read found a commit that was not told yet, and then an earlier one is told: its value is older than the one that
 *   was read, so it is not kept either. Whoever saw the newer one would see it go.
 */
export function createReadThrough<Value extends object>(cache: Cache<Value>, writes: Writes): ReadThrough<Value> {
  // As many as there are requests at work, which connections bound.
  const reading = new Map<string, Promise<Value | undefined>>()
  // What was read while writes were on their way: by then, all up to this number may have been in it.
  const ahead = new Map<string, number>()

  const keep = (key: string, value: Value | undefined, isOvertaken: boolean) => {
    const newest = writes.newest()
    const oldest = writes.oldest()
    for (const [other, number] of ahead) {
      if (number >= oldest && ahead.size < maxAhead) break
      ahead.delete(other)
    }
    ahead.delete(key)
    if (oldest <= newest) ahead.set(key, newest)
    if (value && !isOvertaken) cache.set(key, value)
    // What was told meanwhile may be older than what this reader now knows.
    else if (oldest <= newest) cache.drop(key)
  }

  return {
    get(key, read) {
      const known = cache.find(key)
      if (known) return Promise.resolve(known)
      // A correction ends the sharing, so that nobody joins a read that began before it.
      const shared = reading.get(key)
      if (shared) return shared
      const begun: Promise<Value | undefined> = read()
        .then(value => {
          keep(key, value, reading.get(key) !== begun)
          return value
        })
        .finally(() => {
          if (reading.get(key) === begun) reading.delete(key)
        })
      reading.set(key, begun)
      return begun
    },
    correct(key, value) {
      reading.delete(key)
      const upTo = ahead.get(key)
      if (upTo !== undefined && writes.oldest() <= upTo) cache.drop(key)
      else cache.set(key, value)
    },
    drop(key) {
      reading.delete(key)
      cache.drop(key)
    },
    clear() {
      reading.clear()
      cache.clear()
    },
  }
}
