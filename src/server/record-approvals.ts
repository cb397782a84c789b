import type { Grant } from '../db/store.ts'
import type { EventPayload } from '../protocol/messages.ts'
import type { Profile, ToolInfo } from '../protocol/shapes.ts'
import type { Actor } from './record-audit.ts'

/** Whether a person lets a tool run, and what they have allowed beyond one call. */
export interface Approvals {
  /**
   * Waits for a person, until the time is over.
   * @throws TalonError `OVERLOADED`; `INTERRUPTED` where the gateway stops; the reason of the signal
   */
  ask(question: Question, signal: AbortSignal): Promise<Answer>
  /** Those that wait for a person, oldest first. */
  open(): EventPayload<'approval.requested'>[]
  /**
   * Decides one. The first answer counts; the same request again is told the same.
   * @throws TalonError `NOT_FOUND` for one that does not wait, `CONFLICT` for one that was decided, `INVALID_MESSAGE`
   */
  resolve(input: {
    approvalId: string
    decision: 'allow' | 'deny'
    remember?: 'session' | 'always' | undefined
    by: Actor
    requestId?: string | undefined
  }): Promise<{ approvalId: string; decision: 'allow' | 'deny'; grantId?: string; duplicate?: boolean }>
  grants(): Promise<Grant[]>
  /** False if there is no such grant. */
  revoke(grantId: string, by: Actor): Promise<boolean>
  /**
   * Allows for good again what was revoked less than ten minutes ago; this process knows the last twenty.
   * @throws TalonError `NOT_FOUND`, or `CONFLICT` if there are too many
   */
  restore(grantId: string, by: Actor): Promise<{ grantId: string }>
  /** Lets a session have the profile "full" until then, or ends that with 0 minutes. It ends by itself, and with this process. */
  elevate(input: { sessionId: string; minutes: number; by: Actor }): Promise<{ elevatedUntil: number | null }>
  /** Unix ms; null where it is not elevated. */
  elevatedUntil(sessionId: string): number | null
}

/** What a person is asked about: everything that they see, and what their answer covers. */
export type Question = Omit<
  EventPayload<'approval.requested'>,
  'approvalId' | 'requestedAt' | 'expiresAt' | 'remember'
> & {
  /** SHA-256 of tool and subject. */
  sessionHash: string
}

/** `by` is the token that answered. */
export type Answer = { outcome: 'allowed' | 'denied'; by: string } | { outcome: 'expired' }

/** What tools may do in a session, and for whom. */
export interface Standing {
  profile: Profile
  tainted: boolean
  /** Of the tools that the role of a sub-run has; absent where there is no role. */
  permissions?: readonly ToolInfo['permission'][]
}
