import type { TalonError } from '../../protocol/errors.ts'
import type { Clock } from '../record.ts'
import type { FrameMeter } from '../record-limits.ts'
import { type Level, levelAt, type Rate, takenFrom } from './buckets.ts'
import type { RateName } from './table.ts'

// So many frames above the limit are each refused, so that a client can slow down; then its connection ends.
const maxRefusedFrames = 100

/** Counts the frames and bytes of one connection. */
export function createMeter(deps: {
  enabled: () => boolean
  rateOf: (name: RateName) => Rate
  clock: Pick<Clock, 'monotonic'>
  refuse: (name: RateName, level: Level) => TalonError
}): FrameMeter {
  let framesAt = 0
  let bytesAt = 0
  let refusedFrames = 0
  return {
    take(bytes) {
      if (!deps.enabled()) return
      const now = deps.clock.monotonic()
      const [frames, volume] = [deps.rateOf('frames'), deps.rateOf('bytes')]
      const ofFrames = levelAt(framesAt, frames, now, 1)
      const ofBytes = levelAt(bytesAt, volume, now, bytes)
      if (ofFrames.waitMs === 0 && ofBytes.waitMs === 0) {
        if (framesAt <= now) refusedFrames = 0
        framesAt = takenFrom(framesAt, frames, now, 1)
        bytesAt = takenFrom(bytesAt, volume, now, bytes)
        return
      }
      refusedFrames += 1
      throw ofFrames.waitMs > 0 ? deps.refuse('frames', ofFrames) : deps.refuse('bytes', ofBytes)
    },
    tooOften: () => refusedFrames > maxRefusedFrames,
    list() {
      const now = deps.clock.monotonic()
      return (
        [
          ['frames', framesAt],
          ['bytes', bytesAt],
        ] as const
      ).map(([name, fullAt]) => {
        const rate = deps.rateOf(name)
        const { remaining, resetMs } = levelAt(fullAt, rate, now, 1)
        return { name, ...rate, remaining, resetMs: Math.ceil(resetMs) }
      })
    },
  }
}
