import type { Routes } from '../mount.ts'
import { askAs, body, param } from '../request.ts'

export const routes: Routes = (http, app) => {
  http.get('/api/v1/tools', async c => c.json(await askAs(app, c, 'tools.list', {})))
  http.post('/api/v1/tools/:name', async c => {
    return c.json(await askAs(app, c, 'tools.invoke', { ...(await body(c)), toolName: param(c, 'name') }))
  })
}
