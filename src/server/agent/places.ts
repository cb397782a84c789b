import { TalonError } from '../../protocol/errors.ts'

// Each waits for whole runs: a longer queue moves too slowly for whoever is behind it.
const maxWaiting = 64

/** So many may be inside at once; the next ones wait in order. */
export interface Places {
  /**
   * Waits for a place and resolves with what gives it back.
   * @throws TalonError `OVERLOADED` if too many wait already; the reason of the signal
   */
  enter(signal: AbortSignal): Promise<() => void>
}

/** @param max asked each time, because it is a setting that may change */
export function createPlaces(max: () => number): Places {
  const waiting = new Set<() => void>()
  let taken = 0

  const take = () => {
    taken += 1
    return () => {
      taken -= 1
      for (const next of waiting) {
        if (taken >= max()) break
        next()
      }
    }
  }
  return {
    async enter(signal) {
      signal.throwIfAborted()
      if (taken < max()) return take()
      if (waiting.size >= maxWaiting) {
        throw new TalonError('OVERLOADED', 'Too many sub-runs work and wait already. Do this task yourself.', {
          retryAfterMs: 10_000,
        })
      }
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiting.delete(next)
          signal.removeEventListener('abort', onAbort)
        }
        const next = () => {
          leave()
          resolve(take())
        }
        const onAbort = () => {
          leave()
          reject(signal.reason)
        }
        waiting.add(next)
        signal.addEventListener('abort', onAbort, { once: true })
      })
    },
  }
}
