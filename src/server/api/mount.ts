import type { Hono } from 'hono'
import type { HttpEnv } from '../http.ts'
import type { App } from '../record.ts'

/** One noun's routes below `/api/v1`. */
export type Routes = (http: Hono<HttpEnv>, app: App) => void

const files = import.meta.glob<{ routes: Routes }>('./v1/*.ts', { eager: true })

/** Mounts every noun of REST; each is a file in `v1/`. */
export function mountApi(http: Hono<HttpEnv>, app: App): void {
  http.use('/api/*', async (c, next) => {
    await next()
    c.res.headers.set('Cache-Control', 'no-store')
  })
  for (const file of Object.values(files)) file.routes(http, app)
}
