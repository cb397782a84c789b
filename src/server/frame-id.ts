import { TalonError } from '../protocol/errors.ts'
import { readFrame } from './metrics/frames.ts'
import type { Metrics } from './record-metrics.ts'

/** The id of a frame that is refused before it is served; undefined if it has none that can be read. */
export function idOfFrame(metrics: Metrics, text: string): string | undefined {
  try {
    return readFrame(metrics, text).id
  } catch (error) {
    return idOfBadFrame(error)
  }
}

/** The id of a frame that could not be read further. */
export function idOfBadFrame(error: unknown): string | undefined {
  const details = error instanceof TalonError ? error.extras.details : undefined
  return typeof details === 'object' && details !== null && 'id' in details ? String(details.id) : undefined
}
