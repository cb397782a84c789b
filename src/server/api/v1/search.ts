import type { Routes } from '../mount.ts'
import { askAs, number } from '../request.ts'

export const routes: Routes = (http, app) => {
  http.get('/api/v1/search', async c => {
    const { q = '', sessionId } = c.req.query()
    return c.json(await askAs(app, c, 'session.search', { query: q, sessionId, limit: number(c, 'limit') }))
  })
}
