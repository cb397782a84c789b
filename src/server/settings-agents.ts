import * as z from 'zod'

const positive = z.number().int().min(1)

/** What sub-runs may take. */
export const delegateSettings = {
  'agent.delegateDepth': {
    schema: z.number().int().min(0).max(5),
    default: 2,
    doc: 'How deep sub-runs of the tool delegate may be nested; 0 switches it off. See docs/delegate.md.',
    live: true,
  },
  'agent.delegateTokens': {
    schema: positive.max(100_000_000),
    default: 100_000,
    doc: 'Tokens that one sub-run may take, with those that it asks itself.',
    live: true,
  },
  'agent.delegateMs': {
    schema: positive.min(1_000).max(590_000),
    default: 300_000,
    doc: 'Time that one sub-run may take.',
    live: true,
  },
  'agent.maxDelegates': {
    schema: positive.max(1_000),
    default: 8,
    doc: 'Sub-runs that work at once, on each level of nesting; more wait.',
    live: true,
  },
} as const

/** What comes by the clock. */
export const scheduleSettings = {
  'schedule.catchUp': {
    schema: z.enum(['on', 'off']),
    default: 'off',
    doc: 'Whether a schedule whose times passed while nobody could keep them runs once for all of them. They are stated either way.',
    live: true,
  },
  'schedule.maxRuns': {
    schema: positive.max(1_000),
    default: 4,
    doc: 'Runs of schedules that work or wait at once; what is due beyond them has its turn when one ends.',
    live: true,
  },
  'schedule.timezone': {
    schema: z.string().min(1).max(100).refine(isTimezone, 'must be "auto" or a time zone such as Europe/Berlin'),
    default: 'auto',
    doc: 'Time zone of schedules that name none, such as Europe/Berlin. "auto" is that of this machine.',
    live: true,
  },
} as const

function isTimezone(name: string): boolean {
  if (name === 'auto') return true
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
