import type { Store } from '../db/store.ts'
import { errorPayload, TalonError } from '../protocol/errors.ts'
import type { Clock, Lifecycle } from './record.ts'

export interface GatewayLifecycle extends Lifecycle {
  /** From now on no new work is taken. */
  drain(): void
  /** The gateway works but is not ready, for a reason that may change; until the returned function is called. */
  hold(reason: () => string): () => void
}

const retryAfterMs = 2_000
// A disk that does not answer in this time is no disk to promise anything on.
const probeTimeoutMs = 5_000

/** Whether the gateway can do its work; found out by trying a durable write. */
export function createLifecycle(deps: { store: Store; clock: Clock; bootId: string }): GatewayLifecycle {
  let draining = false
  const holds = new Set<() => string>()
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
  // What was found may be over, and nobody may ask again.
  deps.store.onCommit(() => {
    found = []
  })
  return {
    startedAt: deps.clock.now(),
    bootId: deps.bootId,
    draining: () => draining,
    held() {
      const [reason] = holds
      return reason?.()
    },
    problems() {
      const { problems } = deps.store.health()
      return problems.length > 0 ? problems : found
    },
    drain() {
      draining = true
    },
    hold(reason) {
      holds.add(reason)
      return () => void holds.delete(reason)
    },
    async notReady() {
      if (draining) return ['The gateway is shutting down.']
      // Many who ask at once share one write.
      probing ??= probe()
      return [...[...holds].map(reason => reason()), ...(await probing)]
    },
  }
}

/** @throws TalonError `DRAINING` or `STORAGE_UNAVAILABLE` while nothing is changed for anybody */
export function refuseUnready(lifecycle: Lifecycle): void {
  if (lifecycle.draining()) throw new TalonError('DRAINING', 'The gateway is shutting down.', { retryAfterMs })
  const held = lifecycle.held()
  if (held !== undefined)
    throw new TalonError('STORAGE_UNAVAILABLE', `Nothing is changed yet. ${held}`, { retryAfterMs })
}
