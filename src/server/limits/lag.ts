import type { Clock } from '../record.ts'

const everyMs = 500

/** How late the event loop is, in ms: what it was at two looks in a row, so that one long pause is no overload. */
export interface Lag {
  ms(): number
  stop(): void
}

export function createLag(clock: Pick<Clock, 'monotonic'>): Lag {
  let lookedAt = clock.monotonic()
  let before = 0
  let last = 0
  const timer = setInterval(() => {
    const now = clock.monotonic()
    before = last
    last = Math.max(0, now - lookedAt - everyMs)
    lookedAt = now
  }, everyMs)
  timer.unref()
  return { ms: () => Math.min(before, last), stop: () => clearInterval(timer) }
}
