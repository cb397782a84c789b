import { TalonError } from '../../../protocol/errors.ts'
import { type Group, groups } from '../../doctor.ts'
import { requireScope } from '../../http.ts'
import type { Routes } from '../mount.ts'

export const routes: Routes = (http, app) => {
  http.get('/api/v1/doctor', async c => {
    requireScope(c, 'admin')
    const { full, offline, groups } = c.req.query()
    const asked = groups === undefined ? undefined : groups.split(',').map(groupOf)
    return c.json(await app.doctor.report({ full: full !== undefined, offline: offline !== undefined, groups: asked }))
  })
}

function groupOf(name: string): Group {
  // The keys of a literal table, which Object.keys widens to string.
  const known = Object.keys(groups) as Group[]
  const found = known.find(group => group === name)
  if (found) return found
  throw new TalonError('INVALID_MESSAGE', `There is no group ${JSON.stringify(name)}: ${known.join(', ')}.`)
}
