import type { ReplyPayload } from '../protocol/messages.ts'
import type { App } from './record.ts'

/** How the gateway is, for `gateway.status`, the dashboard and v0.3's `/api/health`. `uptime` is in seconds. */
export async function gatewayStatus(app: App): Promise<ReplyPayload<'gateway.status'>> {
  const [counts, problems] = [await app.store.counts(), app.lifecycle.problems()]
  const { notices } = app.store.health()
  const now = app.clock.now()
  return {
    status: problems.length === 0 ? 'ok' : 'degraded',
    version: app.version,
    uptime: Math.max(0, Math.floor((now - app.lifecycle.startedAt) / 1000)),
    timestamp: now,
    components: {
      gateway: app.lifecycle.draining() ? 'draining' : 'ok',
      sessions: problems.length === 0 ? 'ok' : 'degraded',
      agent: app.models.list().length > 1 ? 'ok' : 'offline model only',
      websocket: 'ok',
      storage: [...problems, ...notices].join(' ') || 'ok',
      sandbox: app.sandbox.level,
    },
    stats: { ...counts, wsClients: app.connections.count() },
  }
}
