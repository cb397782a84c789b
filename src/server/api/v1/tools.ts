import type { Routes } from '../mount.ts'
import { askAs, body, number, param } from '../request.ts'

export const routes: Routes = (http, app) => {
  http.get('/api/v1/tools', async c => c.json(await askAs(app, c, 'tools.list', {})))
  http.get('/api/v1/tools/runs', async c => {
    const { sessionId, toolName, outcome, before } = c.req.query()
    const wanted = { sessionId, toolName, outcome, before, limit: number(c, 'limit') }
    return c.json(await askAs(app, c, 'tools.history', wanted))
  })
  http.get('/api/v1/tools/runs/:id', async c => {
    return c.json(await askAs(app, c, 'tools.run', { invocationId: param(c, 'id') }))
  })
  http.post('/api/v1/tools/:name', async c => {
    return c.json(await askAs(app, c, 'tools.invoke', { ...(await body(c)), toolName: param(c, 'name') }))
  })
}
