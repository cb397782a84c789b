import * as z from 'zod'
import { profiles } from '../protocol/shapes.ts'

/** What decides whether a tool may run. */
export const permissionSettings = {
  'tools.profile': {
    schema: z.enum(profiles),
    default: 'workspace',
    doc: 'How much tools may do in a session that has no profile of its own: read-only, ask, workspace or full; see docs/tools.md.',
    live: true,
  },
  'tools.disabled': {
    schema: z.array(z.string().min(1).max(100)).max(200),
    default: [],
    doc: 'Names of tools, or of their groups, that are switched off.',
    live: true,
  },
  'tools.taint': {
    schema: z.enum(['on', 'off']),
    default: 'on',
    doc: 'Whether commands and the network ask first once text of others (a file, a web page, another person) is in a conversation.',
    live: true,
  },
  'tools.roots': {
    schema: z
      .array(z.strictObject({ path: z.string().min(1).max(4_096), writable: z.boolean().default(false) }))
      .max(20),
    default: [],
    doc: 'Folders beside the workspace that the file tools may read, and write where "writable" is true: [{"path": "/srv/docs", "writable": false}]. Tools name files in them by whole paths. Commands do not see them.',
    live: false,
  },
  'tools.trashDays': {
    schema: z.number().int().min(1).max(3_650),
    default: 30,
    doc: 'Days for which a file that a tool deleted can be got back with "talon trash restore".',
    live: true,
  },
  'tools.trashMegabytes': {
    schema: z.number().int().min(1).max(1_048_576),
    default: 1_024,
    doc: 'Size of all that is in the trash; the oldest beyond it is removed for good.',
    live: true,
  },
  'tools.approvalTimeoutMs': {
    schema: z.number().int().min(100).max(3_600_000),
    default: 120_000,
    doc: 'Time in which a person has to allow what asks; then it is denied.',
    live: true,
  },
} as const
