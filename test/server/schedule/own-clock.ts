import type { Clock } from '../../../src/server/record.ts'

/** A clock that goes when it is told to, with whatever waits for it. */
export interface OwnClock extends Clock {
  after(ms: number, work: () => void): () => void
  /** Time goes on, and what waited for it happens, in order. */
  advance(ms: number): void
  /** Somebody sets the clock: no time goes by. */
  set(now: string | number): void
  /** How long until something happens; undefined if nothing waits. */
  nextMs(): number | undefined
}

export function ownClock(start: string): OwnClock {
  let now = Date.parse(start)
  let monotonic = 0
  const timers = new Set<{ at: number; work: () => void }>()
  const next = () => [...timers].toSorted((a, b) => a.at - b.at)[0]
  const go = (ms: number) => {
    now += ms
    monotonic += ms
  }
  return {
    now: () => now,
    monotonic: () => monotonic,
    after(ms, work) {
      const timer = { at: monotonic + ms, work }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance(ms) {
      const until = monotonic + ms
      for (let timer = next(); timer && timer.at <= until; timer = next()) {
        timers.delete(timer)
        go(timer.at - monotonic)
        timer.work()
      }
      go(until - monotonic)
    },
    set(time) {
      now = typeof time === 'number' ? time : Date.parse(time)
    },
    nextMs() {
      const timer = next()
      return timer && timer.at - monotonic
    },
  }
}
