import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { EventPayload, ReplyPayload } from '../../protocol/messages.ts'

/** A call of a tool that waits for a person. */
export type Approval = EventPayload<'approval.requested'>
/** What was allowed beyond one call. */
export type Grant = ReplyPayload<'approval.list'>['grants'][number]
export type Remember = 'session' | 'always'

/** One that waits no longer. */
export interface Decided {
  approvalId: string
  at: number
  toolName: string
  outcome: EventPayload<'approval.resolved'>['outcome']
  remember: Remember | undefined
  /** Name or id of the token that decided; undefined where nobody did. */
  by: string | undefined
  invocationId: string | undefined
  sessionId: string | undefined
  /** Without secrets, long texts cut; undefined where they are not known any more. */
  args: Record<string, unknown> | undefined
}

export interface InboxStart {
  approvals: Approval[]
  grants: Grant[]
  decided: Decided[]
}

export interface Inbox {
  open: ReadonlySignal<readonly Approval[]>
  grants: Signal<readonly Grant[]>
  decided: ReadonlySignal<readonly Decided[]>
  asked(approval: Approval): void
  /** Takes one out of those that wait, and puts it on top of those that were decided. */
  resolved(end: EventPayload<'approval.resolved'>, at: number): void
  /** What the gateway says now, which counts. */
  replace(listed: { approvals: readonly Approval[]; grants: readonly Grant[] }): void
}

// What a person reads back; the rest is in the history.
const maxDecided = 50

/** What waits, what was decided, what is allowed for good. It is made while rendering, so it touches nothing shared. */
export function createInbox(start: InboxStart): Inbox {
  const open = signal<readonly Approval[]>(start.approvals)
  const grants = signal<readonly Grant[]>(start.grants)
  const decided = signal<readonly Decided[]>(start.decided)
  return {
    open,
    grants,
    decided,
    asked(approval) {
      if (open.peek().some(({ approvalId }) => approvalId === approval.approvalId)) return
      open.value = [...open.peek(), approval]
    },
    resolved(end, at) {
      const approval = open.peek().find(({ approvalId }) => approvalId === end.approvalId)
      if (!approval) return
      batch(() => {
        open.value = open.peek().filter(other => other !== approval)
        decided.value = [decidedOf(approval, end, at), ...decided.peek()].slice(0, maxDecided)
      })
    },
    replace(listed) {
      batch(() => {
        open.value = listed.approvals
        grants.value = listed.grants
      })
    },
  }
}

function decidedOf(approval: Approval, end: EventPayload<'approval.resolved'>, at: number): Decided {
  const { approvalId, toolName, invocationId, sessionId, args } = approval
  const { outcome, remember, by } = end
  return { approvalId, at, toolName, outcome, remember, by, invocationId, sessionId, args }
}

/** Time that is left, as a clock shows it. */
export function timeLeft(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
