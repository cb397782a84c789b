/** Lines that are kept for those who look later, and the characters that all of them may have. */
export const maxLines = 2_000
export const maxChars = 4 * 1024 * 1024

/** One line with its number; they count from 1 at each start. */
export interface LogLine {
  seq: number
  level: number
  /** One JSON object, without a line feed. */
  text: string
}

/** The newest lines of a log. */
export interface Ring {
  push(level: number, text: string): void
  /** Number of the newest line; 0 before the first. */
  newest(): number
  /** Number of the oldest line that is kept; one more than the newest if none is. */
  oldest(): number
  /** The line of a number that is kept. */
  at(seq: number): LogLine | undefined
  /** Tells of each new line; the returned function ends it. The listener must neither throw nor log. */
  onLine(listener: () => void): () => void
}

export function createRing(bounds: { lines: number; chars: number } = { lines: maxLines, chars: maxChars }): Ring {
  const slots: (LogLine | undefined)[] = new Array(bounds.lines).fill(undefined)
  const listeners = new Set<() => void>()
  let newest = 0
  let oldest = 1
  let chars = 0
  const drop = () => {
    chars -= slots[oldest % bounds.lines]?.text.length ?? 0
    slots[oldest % bounds.lines] = undefined
    oldest += 1
  }
  return {
    push(level, text) {
      while (oldest <= newest && (newest - oldest + 1 >= bounds.lines || chars + text.length > bounds.chars)) drop()
      newest += 1
      chars += text.length
      slots[newest % bounds.lines] = { seq: newest, level, text }
      for (const listener of listeners) listener()
    },
    newest: () => newest,
    oldest: () => oldest,
    at: seq => (seq < oldest || seq > newest ? undefined : slots[seq % bounds.lines]),
    onLine(listener) {
      // Wrapped, so that one that listens twice is two.
      const own = () => listener()
      listeners.add(own)
      return () => void listeners.delete(own)
    },
  }
}

/**
 * The number that somebody who has seen the lines up to `after` has seen here: none who asks for nothing but new ones,
 * and all of them are new to whoever saw those of an earlier start.
 */
export function placeOf(ring: Ring, after: number | undefined): number {
  if (after === undefined) return ring.newest()
  return after > ring.newest() ? 0 : after
}
