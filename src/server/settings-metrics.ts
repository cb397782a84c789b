import * as z from 'zod'

/** The settings of the section `metrics`, in the table of `settings.ts`. */
export const metricsSettings = {
  'metrics.public': {
    schema: z.boolean(),
    default: false,
    doc: 'Whether /metrics answers without a token. It tells counts, and names of models and tools; nothing that anybody said. See docs/metrics.md.',
    live: true,
  },
} as const
