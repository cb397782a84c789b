import type { Routes } from '../mount.ts'
import { askAs, body, param } from '../request.ts'

const base = '/api/v1/schedules'

export const routes: Routes = (http, app) => {
  http.get(base, async c => c.json(await askAs(app, c, 'schedule.list', {})))
  http.post(base, async c => {
    const added = await askAs(app, c, 'schedule.add', await body(c))
    return c.json(added, 201, { Location: `${base}/${added.schedule.id}` })
  })
  http.get(`${base}/:id`, async c => c.json(await askAs(app, c, 'schedule.get', { scheduleId: param(c, 'id') })))
  http.delete(`${base}/:id`, async c => {
    await askAs(app, c, 'schedule.remove', { scheduleId: param(c, 'id') })
    return c.body(null, 204)
  })
  http.post(`${base}/:id/pause`, async c => {
    return c.json(await askAs(app, c, 'schedule.pause', { ...(await body(c)), scheduleId: param(c, 'id') }))
  })
  http.post(`${base}/:id/run`, async c => {
    return c.json(await askAs(app, c, 'schedule.run', { scheduleId: param(c, 'id') }), 202)
  })
}
