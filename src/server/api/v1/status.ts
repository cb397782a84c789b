import type { Routes } from '../mount.ts'
import { askAs } from '../request.ts'

export const routes: Routes = (http, app) => {
  http.get('/api/v1/status', async c => c.json(await askAs(app, c, 'gateway.status', {})))
}
