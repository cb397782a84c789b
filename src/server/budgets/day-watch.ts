import { dayMs, dayName, dayOf } from '../../db/day.ts'
import type { Store } from '../../db/store.ts'
import type { Log } from '../log.ts'
import type { Clock } from '../record.ts'

/**
 * Looks after a clock that went back. What is spent meanwhile counts for the newest day that was seen, so that no budget
 * is there twice; but a clock that was wrong by years must not end all days. Once a whole day has passed by the clock
 * that cannot be set, another budget is due, and the clock on the wall counts again.
 * @returns a function to call now and then
 */
export function createDayWatch(deps: {
  store: Pick<Store, 'payingDay' | 'reopenDay'>
  clock: Clock
  log: Log
}): () => Promise<void> {
  const { store, clock, log } = deps
  let behindSince: number | undefined
  return async () => {
    const at = clock.now()
    const day = await store.payingDay(at)
    if (day <= dayOf(at)) {
      behindSince = undefined
      return
    }
    if (behindSince === undefined) {
      behindSince = clock.monotonic()
      log.warn(
        { clock: dayName(dayOf(at)), day: dayName(day) },
        'the clock went back: what is spent counts for a later day, until the clock is there or a day has passed',
      )
    }
    if (clock.monotonic() - behindSince < dayMs) return
    const { reopened } = await store.reopenDay({ at })
    if (!reopened) return
    behindSince = undefined
    log.warn({ day: dayName(dayOf(at)) }, 'a day has passed since the clock went back, and its day counts again')
  }
}
