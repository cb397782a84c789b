import type { Store } from '../db/store.ts'
import { errorPayload } from '../protocol/errors.ts'
import type { Clock, Lifecycle } from './record.ts'

export interface GatewayLifecycle extends Lifecycle {
  /** From now on no new work is taken. */
  drain(): void
}

// A disk that does not answer in this time is no disk to promise anything on.
const probeTimeoutMs = 5_000

/** Whether the gateway can do its work; found out by trying a durable write. */
export function createLifecycle(deps: { store: Store; clock: Clock; bootId: string }): GatewayLifecycle {
  let draining = false
  let found: readonly string[] = []
  let probing: Promise<readonly string[]> | undefined

  const probe = async (): Promise<readonly string[]> => {
    const { promise: late, resolve } = Promise.withResolvers<readonly string[]>()
    const timer = setTimeout(() => resolve(['The disk does not answer.']), probeTimeoutMs)
    const written = deps.store.probe({ at: deps.clock.now() }).then(
      () => [],
      error => [errorPayload(error).error],
    )
    found = await Promise.race([written, late])
    clearTimeout(timer)
    probing = undefined
    return found
  }
  return {
    startedAt: deps.clock.now(),
    bootId: deps.bootId,
    draining: () => draining,
    problems: () => found,
    drain() {
      draining = true
    },
    async notReady() {
      if (draining) return ['The gateway is shutting down.']
      // Many who ask at once share one write.
      probing ??= probe()
      return [...(await probing)]
    },
  }
}
