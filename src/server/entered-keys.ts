import { LRUCache } from 'lru-cache'

/**
 * Keys that somebody entered into a form that was not saved yet, by an id that the page gets in their place: a key never goes
 * back to a browser.
 */
export interface EnteredKeys {
  /** The id. */
  keep(key: string): string
  /** Undefined once it was forgotten. */
  find(id: string): string | undefined
  forget(id: string): void
}

// As many people as fill in such a form at once, and as long as one takes for it.
const maxKept = 32
const keptMs = 30 * 60_000

export function createEnteredKeys(newId: () => string): EnteredKeys {
  const kept = new LRUCache<string, string>({ max: maxKept, ttl: keptMs })
  return {
    keep(key) {
      const id = newId()
      kept.set(id, key)
      return id
    },
    find: id => kept.get(id),
    forget: id => void kept.delete(id),
  }
}
