import type { Routes } from '../mount.ts'
import { askAs, body, param } from '../request.ts'

const base = '/api/v1/approvals'

export const routes: Routes = (http, app) => {
  http.get(base, async c => c.json(await askAs(app, c, 'approval.list', {})))
  http.post(`${base}/:id`, async c => {
    return c.json(await askAs(app, c, 'approval.resolve', { ...(await body(c)), approvalId: param(c, 'id') }))
  })
  http.delete('/api/v1/grants/:id', async c => {
    await askAs(app, c, 'approval.revoke', { grantId: param(c, 'id') })
    return c.body(null, 204)
  })
  http.post('/api/v1/grants/:id/restore', async c => {
    return c.json(await askAs(app, c, 'approval.restore', { grantId: param(c, 'id') }))
  })
  http.post('/api/v1/sessions/:id/elevate', async c => {
    return c.json(await askAs(app, c, 'session.elevate', { ...(await body(c)), sessionId: param(c, 'id') }))
  })
}
