import type { Hono } from 'hono'
import { type HttpEnv, requireScope } from '../http.ts'
import type { App } from '../record.ts'

/** What Prometheus reads. */
export function mountMetrics(http: Hono<HttpEnv>, app: App): void {
  http.get('/metrics', async c => {
    if (!app.config['metrics.public']) requireScope(c, 'metrics')
    const { text, contentType } = await app.metrics.page()
    return c.body(text, 200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' })
  })
}
