import type * as z from 'zod'
import type { Scope } from '../shapes.ts'

/** One request: what it carries, what answers it, which scope it needs, whether it changes something. */
export interface RequestRow {
  summary: string
  payload: z.ZodType
  reply: string
  result: z.ZodType
  scope: Scope | null
  changes: boolean
}
