import type { Routes } from '../mount.ts'
import { askAs, body, param } from '../request.ts'

const base = '/api/v1/sessions'

export const routes: Routes = (http, app) => {
  http.post(`${base}/:id/fork`, async c => {
    const forked = await askAs(app, c, 'session.fork', { ...(await body(c)), sessionId: param(c, 'id') })
    c.header('Location', `${base}/${forked.sessionId}`)
    return c.json(forked, 201)
  })
}
