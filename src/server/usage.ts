import { dayMs, dayName, dayOf } from '../db/day.ts'
import type { UsageSum } from '../db/store.ts'
import { TalonError } from '../protocol/errors.ts'
import type { ParsedPayload, ReplyPayload } from '../protocol/messages.ts'
import { microUsdPerUsd } from './budgets/table.ts'
import type { App, Call } from './record.ts'

const defaultDays = 30

/** What was spent, as `usage.get` and `GET /api/v1/usage` tell it. @throws TalonError `INVALID_MESSAGE` */
export async function usageReport(
  app: Pick<App, 'store' | 'clock' | 'budgets'>,
  { from, to, by, limit, sessionId }: ParsedPayload<'usage.get'>,
  { tokenId, signal }: Pick<Call, 'tokenId' | 'signal'>,
): Promise<ReplyPayload<'usage.get'>> {
  const last = to === undefined ? dayOf(app.clock.now()) : dayOf(msOf(to))
  const first = from === undefined ? Math.max(0, last - defaultDays + 1) : dayOf(msOf(from))
  if (first > last) throw new TalonError('INVALID_MESSAGE', '"from" must be a day before "to", or the same.')
  const [{ rows, more, total }, budgets] = await Promise.all([
    app.store.usage({ from: first * dayMs, to: (last + 1) * dayMs, by, limit }, { signal }),
    app.budgets.list({ sessionId, tokenId }),
  ])
  return {
    ...{ from: dayName(first), to: dayName(last), by },
    rows: rows.map(({ microUsd, ...row }) => ({ ...row, costUsd: costOf(microUsd) })),
    more,
    total: sumOf(total),
    budgets,
  }
}

function msOf(day: string | number): number {
  return typeof day === 'number' ? day : Date.parse(day)
}

function sumOf({ microUsd, ...sum }: UsageSum): Omit<UsageSum, 'microUsd'> & { costUsd: number | null } {
  return { ...sum, costUsd: costOf(microUsd) }
}

function costOf(microUsd: number | null): number | null {
  return microUsd === null ? null : microUsd / microUsdPerUsd
}
