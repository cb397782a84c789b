import * as z from 'zod'
import { TalonError } from '../../../protocol/errors.ts'
import { requireScope } from '../../http.ts'
import type { Routes } from '../mount.ts'
import { number } from '../request.ts'

const dayMs = 24 * 60 * 60_000
const minuteMs = 60_000
const defaultSpanMs = 30 * dayMs
// The widest there is on earth are -12:00 and +14:00.
const maxOffsetMinutes = 14 * 60

const time = z.int().min(0)
const span = z
  .object({ from: time, to: time, utcOffsetMinutes: z.int().min(-maxOffsetMinutes).max(maxOffsetMinutes) })
  .refine(({ from, to }) => from < to, 'from must be before to.')

export const routes: Routes = (http, app) => {
  http.get('/api/v1/usage', async c => {
    requireScope(c, 'read')
    const to = number(c, 'to') ?? app.clock.now()
    const from = number(c, 'from') ?? to - defaultSpanMs
    const parsed = span.safeParse({ from, to, utcOffsetMinutes: number(c, 'utcOffsetMinutes') ?? 0 })
    if (!parsed.success) {
      const issue = parsed.error.issues[0]
      throw new TalonError('INVALID_MESSAGE', [...(issue?.path ?? []), issue?.message ?? 'not valid'].join(': '))
    }
    const query = { from, to, utcOffsetMs: parsed.data.utcOffsetMinutes * minuteMs }
    const days = await app.store.usageByDay(query, { signal: c.req.raw.signal })
    return c.json({ from, to, days })
  })
}
