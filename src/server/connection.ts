import type { Outlet } from './outlet.ts'
import type { App, Connection } from './record.ts'
import type { Subscriptions } from './subscription.ts'

/** What handlers may do with one WebSocket; `stop` ends what the connection watches. */
export function createConnection(deps: {
  app: Pick<App, 'bus'>
  id: string
  outlet: Outlet
  subscriptions: Subscriptions
  failed: (error: unknown) => void
}): Connection & { stop: () => void } {
  const { app, id, outlet, subscriptions, failed } = deps
  let stopWatching: (() => void) | undefined
  const follow = async (at: Parameters<Connection['follow']>[0]) => {
    const { resumed, start } = await subscriptions.subscribe(at)
    if (resumed.reset) outlet.event('session.resumed', resumed)
    start()
  }
  const stop = () => {
    stopWatching?.()
    stopWatching = undefined
  }
  return {
    id,
    subscribe: at => subscriptions.subscribe(at),
    follow(at) {
      if (!subscriptions.has(at.sessionId) && outlet.isOpen()) follow(at).catch(failed)
    },
    unsubscribe: sessionId => subscriptions.unsubscribe(sessionId),
    watchSessions(on) {
      if (!on) return stop()
      stopWatching ??= app.bus.onList(notice => {
        // A subscriber hears of the end of its session already.
        if (notice.type === 'session.deleted' && subscriptions.has(notice.sessionId ?? '')) return
        outlet.notice(notice)
      })
    },
    stop,
  }
}
