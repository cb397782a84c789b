import * as z from 'zod'

const count = z.number().int().min(1)

/** The settings of the sections `attachments` and `browser`, in the table of `settings.ts`. */
export const browserSettings = {
  'attachments.keepDays': {
    schema: count.max(36_500),
    default: 90,
    doc: 'Days for which files that tools make for people, such as screenshots, are kept.',
    live: true,
  },
  'attachments.sessionMegabytes': {
    schema: count.max(1_048_576),
    default: 64,
    doc: 'Size of all such files of one session; the oldest beyond it are removed.',
    live: true,
  },
  'attachments.megabytes': {
    schema: count.max(1_048_576),
    default: 1_024,
    doc: 'Size of all such files; the oldest beyond it are removed.',
    live: true,
  },
  'browser.executable': {
    schema: z.string().min(1).max(4_096).nullable(),
    default: null,
    doc: 'Chromium or Chrome for the browser tools, an absolute path; null takes the first that is found.',
    live: true,
  },
  'browser.maxSessions': {
    schema: count.max(64),
    default: 4,
    doc: 'Sessions that may have a page open at once. Where there are as many, the one that was idle for longest loses its page, and none where all work.',
    live: true,
  },
  'browser.idleMinutes': {
    schema: count.max(1_440),
    default: 5,
    doc: 'Minutes after which the page of a session is closed if nothing was done with it.',
    live: true,
  },
  'browser.memoryMegabytes': {
    schema: count.min(512).max(65_536),
    default: 2_048,
    doc: 'Memory of the browser with all its pages, of which one page gets half at most; beyond it the page, or all of it, ends. It takes the sandbox to hold it to that.',
    live: true,
  },
  'browser.allowUnsandboxed': {
    schema: z.boolean(),
    default: false,
    doc: 'Whether the browser may run with no wall at all around what pages do, where none works. A page that breaks out of it then has all that the gateway has; see docs/browser.md.',
    live: true,
  },
} as const
