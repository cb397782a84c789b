import { requireScope } from '../../http.ts'
import type { Routes } from '../mount.ts'

export const routes: Routes = (http, app) => {
  http.get('/api/v1/pools', c => {
    requireScope(c, 'read')
    return c.json({ ...app.store.stats(), http: app.models.pools(), caches: app.caches.stats() })
  })
}
