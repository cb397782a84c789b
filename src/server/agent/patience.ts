import { setTimeout as delay } from 'node:timers/promises'
import { TalonError } from '../../protocol/errors.ts'
import type { App } from '../record.ts'

const firstWaitMs = 250
const longestWaitMs = 5_000

/**
 * Asks the store until it can answer: a full disk must not leave a run that never ends, or that nobody starts. It gives up
 * when the gateway stops; the next start finds the run where it was.
 */
export async function patiently<T>(app: Pick<App, 'lifecycle' | 'log'>, ask: () => Promise<T>): Promise<T> {
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
    try {
      return await ask()
    } catch (error) {
      if (!isPassing(error) || app.lifecycle.draining()) throw error
      app.log.warn({ err: error, waitMs }, 'the store does not take a step of a run; it is tried again')
      await delay(waitMs)
    }
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof TalonError && (error.code === 'STORAGE_UNAVAILABLE' || error.code === 'OVERLOADED')
}
