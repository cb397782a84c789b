import type { Routes } from '../mount.ts'
import { askAs } from '../request.ts'

export const routes: Routes = (http, app) => {
  http.get('/api/v1/history', async c => {
    return c.json(await askAs(app, c, 'metrics.history', { range: c.req.query('range') || undefined }))
  })
}
