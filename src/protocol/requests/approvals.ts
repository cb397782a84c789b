import * as z from 'zod'
import { configSchema, idSchema, profiles } from '../shapes.ts'
import type { RequestRow } from './row.ts'

const remember = z.enum(['session', 'always'])
// A working day; what needs longer needs another setting.
const maxElevatedMinutes = 480

/** A call of a tool that waits for a person. */
export const approvalSchema = z.object({
  approvalId: z.string(),
  invocationId: z.string(),
  sessionId: z.string().optional(),
  runId: z.string().optional(),
  toolName: z.string(),
  permission: z.enum(['safe', 'write', 'exec', 'network']),
  /** These, and nothing else, is what runs. */
  args: configSchema,
  /** The folder that it would work in. */
  workspace: z.string(),
  /** Why it asks, for a person, and the rule that says so. */
  reason: z.string(),
  rule: z.string(),
  profile: z.enum(profiles),
  tainted: z.boolean(),
  /** SHA-256 of tool, arguments, workspace and policy. */
  hash: z.string(),
  /** What "for this session" would cover beside the tool; the arguments where it is absent. */
  subject: z.string().optional(),
  /** How the answer can be remembered. */
  remember: z.array(remember),
  /** The token that asks. */
  requestedBy: z.string().nullable(),
  requestedAt: z.number(),
  expiresAt: z.number(),
})

const grantSchema = z.object({
  id: z.string(),
  remember,
  hash: z.string(),
  toolName: z.string(),
  sessionId: z.string().nullable(),
  subject: z.string().nullable(),
  args: configSchema,
  tainted: z.boolean(),
  tokenId: z.string(),
  createdAt: z.number(),
})

/** What is about the rights of tools. */
export const approvalRequests = {
  'approval.list': {
    summary: 'The calls of tools that wait for a person, and what was allowed beyond one call.',
    payload: z.object({}),
    reply: 'approval.list',
    result: z.object({ approvals: z.array(approvalSchema), grants: z.array(grantSchema) }),
    scope: 'approve',
    changes: false,
  },
  'approval.resolve': {
    summary:
      'Allows or denies a call of a tool that waits. `remember` allows it for the session (the same tool on the same subject) or always (exactly this).',
    payload: z
      .object({ approvalId: idSchema, decision: z.enum(['allow', 'deny']), remember: remember.optional() })
      .refine(({ decision, remember: kept }) => decision === 'allow' || kept === undefined, {
        path: ['remember'],
        error: 'only what is allowed can be remembered',
      }),
    reply: 'approval.resolved',
    result: z.object({ approvalId: z.string(), decision: z.enum(['allow', 'deny']), grantId: z.string().optional() }),
    scope: 'approve',
    changes: true,
  },
  'approval.revoke': {
    summary: 'Takes back what was allowed beyond one call.',
    payload: z.object({ grantId: idSchema }),
    reply: 'approval.revoked',
    result: z.object({ grantId: z.string() }),
    scope: 'approve',
    changes: true,
  },
  'approval.restore': {
    summary: 'Allows for good again what was revoked by mistake, within ten minutes.',
    payload: z.object({ grantId: idSchema }),
    reply: 'approval.restored',
    result: z.object({ grantId: z.string() }),
    scope: 'approve',
    changes: true,
  },
  'session.elevate': {
    summary:
      'Gives a session the profile "full" for so many minutes; 0 ends it. It ends by itself, with a reset or deletion of the session, and with a restart.',
    payload: z.object({ sessionId: idSchema, minutes: z.number().int().min(0).max(maxElevatedMinutes) }),
    reply: 'session.elevated',
    result: z.object({ sessionId: z.string(), elevatedUntil: z.number().nullable() }),
    scope: 'approve',
    changes: true,
  },
} as const satisfies Record<string, RequestRow>
