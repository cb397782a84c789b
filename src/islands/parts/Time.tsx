import type { JSX } from 'preact'
import { exactTime, relativeTime, timeUntil } from '../times.ts'

/** A moment as people say it, exact on hover. `now` is that of the page, so that server and browser render the same. */
export function Time({ at, now }: { at: number; now: number }): JSX.Element {
  return (
    <time dateTime={new Date(at).toISOString()} title={exactTime(at)} data-at={at}>
      {relativeTime(at, now)}
    </time>
  )
}

/** A moment to come. One that is over is due: a clock that goes wrong a little must not turn the past into the future. */
export function Until({ at, now }: { at: number; now: number }): JSX.Element {
  return (
    <time dateTime={new Date(at).toISOString()} title={exactTime(at)} data-until={at}>
      {timeUntil(at, now)}
    </time>
  )
}
