import { isRequestType } from '../../protocol/messages.ts'
import type { App } from '../record.ts'

/** Does the work of one request and notes how long it took, whether it went well or not. */
export function timed<T>(app: Pick<App, 'metrics' | 'clock'>, type: string, work: () => T): T {
  const startedAt = app.clock.monotonic()
  const ended = () => {
    const durationMs = app.clock.monotonic() - startedAt
    app.metrics.observe('talon_request_duration_seconds', durationMs, isRequestType(type) ? type : 'unknown')
  }
  let done: T | undefined
  try {
    done = work()
    return done
  } finally {
    if (done instanceof Promise) done.then(ended, ended)
    else ended()
  }
}
