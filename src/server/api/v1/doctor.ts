import { examine, type Report } from '../../doctor.ts'
import { requireScope } from '../../http.ts'
import type { Routes } from '../mount.ts'

export const routes: Routes = (http, app) => {
  // A report reads the whole database: those who ask meanwhile share one.
  const underWay = new Map<boolean, Promise<Report>>()
  http.get('/api/v1/doctor', async c => {
    requireScope(c, 'admin')
    const full = c.req.query('full') !== undefined
    let report = underWay.get(full)
    if (!report) {
      const { home, version, config, clock } = app
      report = examine({ home, version, config, env: {}, now: clock.now(), full }).finally(() => underWay.delete(full))
      underWay.set(full, report)
    }
    return c.json(await report)
  })
}
