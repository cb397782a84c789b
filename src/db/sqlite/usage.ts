import type { UsageOfDay, UsageQuery } from '../heavy.ts'
import { stillWanted } from './guard.ts'
import type { Connection } from './open.ts'

const dayMs = 24 * 60 * 60_000
// Ten years of three models; what is over it is the newest, which a narrower question finds.
const maxRows = 10_000

type UsageRow = Omit<UsageOfDay, 'day'> & { day: number }

export function usageByDay(connection: Connection, { from, to, utcOffsetMs = 0 }: UsageQuery): UsageOfDay[] {
  // A parameter arrives as a float, so the quotient is cut to a whole day.
  return connection
    .prepared<UsageRow>(
      `SELECT CAST((finished_at + @utcOffsetMs) / ${dayMs} AS INTEGER) AS day, provider, model, count(*) AS runs, sum(state = 'failed') AS failed,
         ifnull(sum(usage ->> 'inputTokens'), 0) AS inputTokens, ifnull(sum(usage ->> 'outputTokens'), 0) AS outputTokens,
         ifnull(sum(usage ->> 'totalTokens'), 0) AS totalTokens
       FROM runs WHERE ${stillWanted('rowid')} AND finished_at >= @from AND finished_at < @to
       GROUP BY 1, provider, model ORDER BY 1, provider, model LIMIT ${maxRows}`,
    )
    .all({ from, to, utcOffsetMs })
    .map(row => ({ ...row, day: new Date(row.day * dayMs).toISOString().slice(0, 10) }))
}
