import { TalonError } from '../../../protocol/errors.ts'
import { maxUsageRows } from '../../../protocol/requests/usage.ts'
import type { Routes } from '../mount.ts'
import { askAs, number } from '../request.ts'
import { usageCsv } from '../usage-csv.ts'

export const routes: Routes = (http, app) => {
  http.get('/api/v1/usage', async c => {
    const { from, to, by, sessionId, format = 'json' } = c.req.query()
    if (format !== 'json' && format !== 'csv') throw new TalonError('INVALID_MESSAGE', '"format" must be json or csv.')
    const isCsv = format === 'csv'
    const report = await askAs(app, c, 'usage.get', {
      from: dayOf(from),
      to: dayOf(to),
      by: by || undefined,
      limit: number(c, 'limit') ?? (isCsv ? maxUsageRows : undefined),
      sessionId: sessionId || undefined,
    })
    if (!isCsv) return c.json(report)
    return c.body(usageCsv(report), 200, {
      'Content-Type': 'text/csv; charset=utf-8; header=present',
      'Content-Disposition': `attachment; filename="talon-usage-${report.from}-${report.to}-by-${report.by}.csv"`,
    })
  })
}

/** A day as it is, or Unix ms as the number that it is; a schema judges both. */
function dayOf(text: string | undefined): string | number | undefined {
  if (text === undefined || text === '') return undefined
  return /^\d+$/.test(text) ? Number(text) : text
}
