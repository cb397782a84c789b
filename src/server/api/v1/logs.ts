import * as z from 'zod'
import { TalonError } from '../../../protocol/errors.ts'
import { logFilterSchema } from '../../../protocol/requests/logs.ts'
import { requireScope } from '../../http.ts'
import type { Routes } from '../mount.ts'
import { number } from '../request.ts'

const maxLines = 2_000
const defaultLines = 100

const querySchema = logFilterSchema.extend({ limit: z.number().int().min(1).max(maxLines).default(defaultLines) })

export const routes: Routes = (http, app) => {
  http.get('/api/v1/logs', c => {
    requireScope(c, 'admin')
    const { level, text, field } = c.req.query()
    const given = {
      level: level || undefined,
      text: text || undefined,
      field: field || undefined,
      after: number(c, 'after'),
      limit: number(c, 'limit'),
    }
    const query = querySchema.safeParse(given)
    if (!query.success) {
      const issue = query.error.issues[0]
      throw new TalonError('INVALID_MESSAGE', `"${issue?.path.join('.')}": ${issue?.message ?? 'not valid'}`)
    }
    const { entries, after, dropped } = app.logs.read(query.data)
    const bootId = JSON.stringify(app.lifecycle.bootId)
    // They are JSON already.
    const body = `{"entries":[${entries.join(',')}],"after":${after},"dropped":${dropped},"bootId":${bootId}}`
    return c.body(body, 200, { 'Content-Type': 'application/json' })
  })
}
