import { TalonError } from '../../protocol/errors.ts'

/** At most `max()` holders at once; the next ones wait in order. */
export interface Slots {
  /**
   * Waits for a slot and resolves with what gives it back.
   * @throws TalonError `OVERLOADED` if too many wait already, or none becomes free in time; the signal's reason if it
   * aborts first.
   */
  acquire(signal: AbortSignal, maxWaitMs: number): Promise<() => void>
  /** A slot, if one is free now. */
  take(): (() => void) | undefined
}

interface Waiter {
  enter: () => void
}

/** @param max asked each time, because it is a setting that may change */
export function createSlots(max: () => number, maxWaiting: number): Slots {
  let taken = 0
  const waiting = new Set<Waiter>()

  const release = () => {
    taken -= 1
    // Several places are free at once after the bound was raised, and none after it was lowered.
    for (const next of waiting) {
      if (taken >= max()) break
      next.enter()
    }
  }
  const take = () => {
    taken += 1
    let held = true
    return () => {
      if (held) release()
      held = false
    }
  }
  const queue = (signal: AbortSignal, maxWaitMs: number) =>
    new Promise<() => void>((resolve, reject) => {
      const leave = () => {
        waiting.delete(waiter)
        signal.removeEventListener('abort', onAbort)
        clearTimeout(timer)
      }
      const onAbort = () => {
        leave()
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        leave()
        reject(overloaded())
      }, maxWaitMs)
      const waiter: Waiter = {
        enter() {
          leave()
          resolve(take())
        },
      }
      waiting.add(waiter)
      signal.addEventListener('abort', onAbort, { once: true })
    })

  return {
    take: () => (taken < max() ? take() : undefined),
    async acquire(signal, maxWaitMs) {
      signal.throwIfAborted()
      if (taken < max()) return take()
      if (waiting.size >= maxWaiting) throw overloaded()
      return queue(signal, maxWaitMs)
    },
  }
}

function overloaded(): TalonError {
  return new TalonError('OVERLOADED', 'Too many tools run and wait; try again in a moment.', { retryAfterMs: 1_000 })
}
