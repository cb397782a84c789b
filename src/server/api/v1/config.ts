import { requireScope } from '../../http.ts'
import type { Routes } from '../mount.ts'
import { type ApiContext, askAs, body } from '../request.ts'

const base = '/api/v1/config'

export const routes: Routes = (http, app) => {
  http.get(base, async c => {
    const { hash, ...config } = await askAs(app, c, 'config.get', {})
    c.header('ETag', `"${hash}"`)
    return c.json({ ...config, hash })
  })
  http.patch(base, async c => {
    // Before the body is read.
    requireScope(c, 'admin')
    const asked = await body(c)
    const updated = await askAs(app, c, 'config.update', { hash: hashOfMatch(c), ...asked })
    c.header('ETag', `"${updated.hash}"`)
    return c.json(updated)
  })
}

/** The hash in `If-Match`, which says the same as `hash` in the body. */
function hashOfMatch(c: ApiContext): string | undefined {
  return c.req.header('if-match')?.replace(/^(?:W\/)?"(.*)"$/, '$1')
}
