import { createNotice } from './bus.ts'
import { type Follower, followLog } from './log/follow.ts'
import { followMetrics, type MetricsFollower } from './metrics/follow.ts'
import type { Outlet } from './outlet.ts'
import type { App, Connection } from './record.ts'
import type { FrameMeter } from './record-limits.ts'
import type { Subscriptions } from './subscription.ts'

/** What handlers may do with one WebSocket; `stop` ends what the connection watches. */
export function createConnection(deps: {
  app: Pick<App, 'bus' | 'clock' | 'logs' | 'metrics'>
  id: string
  frameId: () => string
  outlet: Outlet
  meter: FrameMeter
  subscriptions: Subscriptions
  failed: (error: unknown) => void
}): Connection & { stop: () => void } {
  const { app, id, outlet, meter, subscriptions, failed } = deps
  let stopWatching: (() => void) | undefined
  let follower: Follower | undefined
  let sampling: MetricsFollower | undefined
  const follow = async (at: Parameters<Connection['follow']>[0]) => {
    const { resumed, start } = await subscriptions.subscribe(at)
    if (resumed.reset) outlet.event('session.resumed', resumed)
    start()
  }
  const stopWatchingSessions = () => {
    stopWatching?.()
    stopWatching = undefined
  }
  const unfollowLog = () => {
    follower?.stop()
    follower = undefined
  }
  return {
    id,
    limits: meter.list,
    subscribe: at => subscriptions.subscribe(at),
    follow(at) {
      if (!subscriptions.has(at.sessionId) && outlet.isOpen()) follow(at).catch(failed)
    },
    unsubscribe: sessionId => subscriptions.unsubscribe(sessionId),
    streamTool(payload) {
      // It is for the eye only: a slow reader misses some, and has all of it in the result.
      if (!outlet.hasRoom() || (payload.sessionId !== undefined && subscriptions.has(payload.sessionId))) return
      outlet.notice(createNotice({ id: deps.frameId(), type: 'tool.stream', payload, timestamp: app.clock.now() }))
    },
    watchSessions(on) {
      if (!on) return stopWatchingSessions()
      stopWatching ??= app.bus.onList(notice => {
        // A subscriber hears of the end of its session already.
        if (notice.type === 'session.deleted' && subscriptions.has(notice.sessionId ?? '')) return
        outlet.notice(notice)
      })
    },
    followLog(filter) {
      unfollowLog()
      const to = { ring: app.logs.ring, outlet, frameId: deps.frameId, now: app.clock.now, failed }
      follower = followLog(to, filter)
      return follower
    },
    unfollowLog,
    followMetrics(intervalMs) {
      sampling?.stop()
      sampling = followMetrics({ ...deps, clock: app.clock, sampler: app.metrics.sampler }, intervalMs)
      return sampling
    },
    stop() {
      sampling?.stop()
      stopWatchingSessions()
      unfollowLog()
    },
  }
}
