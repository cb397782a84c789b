import { createNotice } from '../bus.ts'
import type { Outlet } from '../outlet.ts'
import type { Clock } from '../record.ts'
import type { Sampler } from './sampler.ts'

export interface FollowDeps {
  sampler: () => Sampler
  frameId: () => string
  clock: Clock
  outlet: Pick<Outlet, 'notice' | 'isOpen' | 'hasRoom'>
}

export interface MetricsFollower {
  start(): void
  stop(): void
}

/** Sends samples to one reader. One that takes too little misses some: the next tells of a longer time. */
export function followMetrics(deps: FollowDeps, intervalMs: number): MetricsFollower {
  const { outlet, clock, frameId } = deps
  let sampler: Sampler | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const send = () => {
    if (!sampler || !outlet.isOpen() || !outlet.hasRoom()) return
    const payload = sampler.read()
    outlet.notice(createNotice({ id: frameId(), type: 'metrics.sample', timestamp: clock.now(), payload }))
  }
  return {
    start() {
      if (stopped) return
      sampler = deps.sampler()
      timer = setInterval(send, intervalMs).unref()
    },
    stop() {
      stopped = true
      clearInterval(timer)
      sampler?.stop()
    },
  }
}
