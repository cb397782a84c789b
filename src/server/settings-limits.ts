import * as z from 'zod'
import { type LimitName, limitTable } from './limits/table.ts'

const aNumber = 'must be a whole number from 1 to 1,000,000,000'
const positive = z.number(aNumber).int(aNumber).min(1, aNumber).max(1_000_000_000, aNumber)
const time = 'must be a whole number of milliseconds from 100 to 3,600,000'
const timeMs = z.number(time).int(time).min(100, time).max(3_600_000, time)

interface LimitSetting {
  schema: typeof positive
  default: number
  doc: string
  live: true
}

/** The settings of the section `limits` that the table of limits makes. */
const tableSettings = Object.fromEntries(
  Object.entries(limitTable).map(([name, { limit, doc }]): [string, LimitSetting] => [
    `limits.${name}`,
    { schema: positive, default: limit, doc, live: true },
  ]),
  // The keys are those of the table, which fromEntries widens to string.
) as { [K in LimitName as `limits.${K}`]: LimitSetting }

/** The settings of the section `limits`, in the table of `settings.ts`. */
export const limitSettings = {
  'limits.authFailures': {
    schema: positive,
    default: 20,
    doc: 'Failed sign-ins a minute from one address, then it is locked out for a minute.',
    live: true,
  },
  ...tableSettings,
  'limits.requestDeadlineMs': {
    schema: timeMs,
    default: 30_000,
    doc: 'Time that a request of a busy connection waits for its turn; then it is refused with TIMEOUT.',
    live: true,
  },
  'limits.maxLagMs': {
    schema: timeMs,
    default: 2_000,
    doc: 'How late the gateway may be before it refuses what changes something with OVERLOADED.',
    live: true,
  },
} as const
