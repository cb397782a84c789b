import type { Routes } from '../mount.ts'
import { askAs, body, number, param } from '../request.ts'

const base = '/api/v1/sessions'

export const routes: Routes = (http, app) => {
  http.get(base, async c => {
    const { channel, state, senderId, query, cursor, order, deleted } = c.req.query()
    const page = { cursor, limit: number(c, 'limit'), order, ...(deleted === 'true' && { deleted: true }) }
    const filter = { channel, state, senderId, query, ...page }
    return c.json(await askAs(app, c, 'session.list', filter))
  })
  http.post(base, async c => {
    const payload = { senderId: 'api', channel: 'api', ...(await body(c)) }
    const created = await askAs(app, c, 'session.create', payload)
    c.header('Location', `${base}/${created.sessionId}`)
    return c.json(created, 201)
  })
  http.get(`${base}/:id`, async c => c.json(await askAs(app, c, 'session.get', { sessionId: param(c, 'id') })))
  http.patch(`${base}/:id`, async c => {
    return c.json(await askAs(app, c, 'session.update', { ...(await body(c)), sessionId: param(c, 'id') }))
  })
  http.delete(`${base}/:id`, async c => {
    await askAs(app, c, 'session.delete', { sessionId: param(c, 'id') })
    return c.body(null, 204)
  })
  http.post(`${base}/:id/restore`, async c =>
    c.json(await askAs(app, c, 'session.restore', { sessionId: param(c, 'id') })),
  )
  http.post(`${base}/:id/reset`, async c => c.json(await askAs(app, c, 'session.reset', { sessionId: param(c, 'id') })))
  http.post(`${base}/:id/cancel`, async c =>
    c.json(await askAs(app, c, 'session.cancel', { sessionId: param(c, 'id') })),
  )
}
