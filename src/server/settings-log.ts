import * as z from 'zod'

/** The settings of the section `log`, in the table of `settings.ts`. */
export const logSettings = {
  'log.level': {
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    default: 'info',
    doc: 'Lowest level that is logged.',
    live: true,
  },
  'log.format': {
    schema: z.enum(['auto', 'json', 'text']),
    default: 'auto',
    doc: 'How lines are written to standard output: "json" is one object each, "text" is for reading, "auto" is text on a terminal and JSON elsewhere.',
    live: false,
  },
  'log.file': {
    schema: z.string().min(1).max(4_096).nullable(),
    default: null,
    doc: 'File to log to as JSON instead of to standard output, inside the data folder unless absolute; null logs to standard output.',
    live: false,
  },
  'log.maxMegabytes': {
    schema: z.number().int().min(1, 'must be at least 1').max(10_240),
    default: 20,
    doc: 'Size at which log.file is full: it is renamed to <file>.1 and a new one begins.',
    live: false,
  },
  'log.keepFiles': {
    schema: z.number().int().min(0).max(1_000),
    default: 5,
    doc: 'Full files that are kept beside log.file, up to <file>.5; the oldest beyond them is removed.',
    live: false,
  },
} as const
