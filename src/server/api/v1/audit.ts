import * as z from 'zod'
import { TalonError } from '../../../protocol/errors.ts'
import { requireScope } from '../../http.ts'
import type { Routes } from '../mount.ts'
import { number } from '../request.ts'

const maxEntries = 1_000
const defaultEntries = 100
// A million entries take some seconds, in a thread of its own.
const verifyTimeoutMs = 10 * 60_000

const pageSchema = z.object({
  after: z.int().min(1).optional(),
  limit: z.int().min(1).max(maxEntries).default(defaultEntries),
  action: z.string().max(64).optional(),
  who: z.string().max(64).optional(),
})
const verifySchema = z.object({
  head: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be the hash of an entry, 64 hexadecimal digits.')
    .optional(),
})

export const routes: Routes = (http, app) => {
  http.get('/api/v1/audit', async c => {
    requireScope(c, 'admin')
    const { action, who } = c.req.query()
    const given = {
      after: number(c, 'after'),
      limit: number(c, 'limit'),
      action: action || undefined,
      who: who || undefined,
    }
    const { after: before, limit, action: wanted, who: tokenId } = parsed(pageSchema, given)
    const entries = await app.store.listAudit({ before, limit, action: wanted, tokenId })
    return c.json({ entries, next: entries.length === limit ? (entries.at(-1)?.seq ?? null) : null })
  })
  http.get('/api/v1/audit/verify', async c => {
    requireScope(c, 'admin')
    const { head: noted } = parsed(verifySchema, { head: c.req.query('head') || undefined })
    const options = { signal: c.req.raw.signal, timeoutMs: verifyTimeoutMs }
    return c.json(await app.store.verifyAudit({ noted }, options))
  })
}

function parsed<Output>(schema: z.ZodType<Output>, given: unknown): Output {
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new TalonError('INVALID_MESSAGE', `"${issue?.path.join('.')}": ${issue?.message ?? 'not valid'}`)
}
