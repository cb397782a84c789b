import type { Routes } from '../mount.ts'
import { askAs, body, number, param } from '../request.ts'

const base = '/api/v1/sessions/:id/messages'

export const routes: Routes = (http, app) => {
  http.get(base, async c => {
    const page = {
      epoch: number(c, 'epoch'),
      after: number(c, 'after'),
      before: number(c, 'before'),
      limit: number(c, 'limit'),
    }
    return c.json(await askAs(app, c, 'session.history', { sessionId: param(c, 'id'), ...page }))
  })
  http.post(base, async c => {
    const payload = { ...(await body(c)), sessionId: param(c, 'id') }
    return c.json(await askAs(app, c, 'session.send_message', payload), 202)
  })
}
