import { LRUCache } from 'lru-cache'
import type { Clock } from './record.ts'

/** What one cache has done since the start. */
export interface CacheStats {
  name: string
  /** Reads that it answered. */
  hits: number
  /** Reads that went to where the value comes from. */
  misses: number
  /** Values that had to go for others: the bound was reached. */
  evictions: number
  /** Values that it holds now, among them those whose time is over and that nobody asked for since. */
  size: number
  max: number
  ttlMs: number
}

export interface Cache<Value extends object> {
  /** Counts as a hit or as a miss. */
  find(key: string): Value | undefined
  /** Keeps a value, which nobody may change from now on. */
  set(key: string, value: Value): void
  drop(key: string): void
  clear(): void
  stats(): CacheStats
}

export interface CacheOptions<Value> {
  name: string
  /** Values that it holds at most; the one that was not asked for the longest goes first. */
  max: number
  /** A value is forgotten this long after it was set. */
  ttlMs: number
  clock: Clock
  /** Bounds the text that it holds, for values of which one can be a thousand times as long as another. */
  text?: { maxChars: number; maxCharsOfOne: number; charsOf: (value: Value) => number }
}

/** A cache with a bound, a time to live and figures. Whoever fills it corrects it: it knows nothing of what it holds. */
export function createCache<Value extends object>(options: CacheOptions<Value>): Cache<Value> {
  const { name, max, ttlMs, clock, text } = options
  let [hits, misses, evictions] = [0, 0, 0]
  const kept = new LRUCache<string, Value>({
    max,
    ttl: ttlMs,
    // With a resolution above 0 it sets a timer a millisecond, and a clock of somebody's own is not asked.
    ttlResolution: 0,
    perf: { now: () => clock.monotonic() },
    noDisposeOnSet: true,
    dispose(_value, _key, reason) {
      if (reason === 'evict') evictions += 1
    },
    ...(text && { maxSize: text.maxChars, maxEntrySize: text.maxCharsOfOne, sizeCalculation: text.charsOf }),
  })
  return {
    find(key) {
      const value = kept.get(key)
      if (value) hits += 1
      else misses += 1
      return value
    },
    set(key, value) {
      kept.set(key, value)
    },
    drop(key) {
      kept.delete(key)
    },
    clear: () => kept.clear(),
    stats: () => ({ name, hits, misses, evictions, size: kept.size, max, ttlMs }),
  }
}

/** Makes it impossible to change what many share. */
export function freeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const key in value) if (typeof value[key] === 'object') freeze(value[key])
  return value
}
