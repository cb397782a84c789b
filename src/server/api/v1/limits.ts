import type { Routes } from '../mount.ts'
import { askAs } from '../request.ts'

export const routes: Routes = (http, app) => {
  http.get('/api/v1/limits', async c => {
    const { sessionId } = c.req.query()
    return c.json(await askAs(app, c, 'limits.get', { sessionId }))
  })
}
