import type { Hono } from 'hono'
import type { HttpEnv } from '../http.ts'
import { requireScope, setHeader } from '../http.ts'
import type { App } from '../record.ts'
import { gatewayStatus } from '../status.ts'
import type { ApiContext } from './request.ts'

/** Whether the process lives, and whether it can accept a durable write now. `?verbose` needs a token. */
export function mountHealth(http: Hono<HttpEnv>, app: App): void {
  const details = async (c: ApiContext) => {
    if (c.req.query('verbose') === undefined) return {}
    requireScope(c, 'read')
    return { details: await gatewayStatus(app) }
  }
  const alive = (c: ApiContext) => {
    setHeader(c, 'cache-control', 'no-store')
    if (c.req.query('verbose') === undefined) return c.json({ status: 'ok' })
    return details(c).then(more => c.json({ status: 'ok', ...more }))
  }
  http.get('/livez', alive)
  http.get('/healthz', alive)
  http.get('/readyz', async c => {
    setHeader(c, 'cache-control', 'no-store')
    const reasons = await app.lifecycle.notReady()
    const ready = reasons.length === 0
    return c.json({ status: ready ? 'ok' : 'unavailable', reasons, ...(await details(c)) }, ready ? 200 : 503)
  })
}
