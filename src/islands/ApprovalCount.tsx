import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { gateway } from './connection.ts'
import { type Waiting, waitingApprovals } from './parts/approvals.ts'
import { say } from './parts/notices.ts'

export interface ApprovalCountProps {
  /** How many waited when the server rendered the page. */
  count: number
  /** Unix ms, when that was. */
  now: number
}

/** How many calls of tools wait for a person: a number beside the link to the tools, and a notice for each that comes. */
export default function ApprovalCount({ count, now }: ApprovalCountProps): JSX.Element {
  useEffect(
    () =>
      gateway().on('approval.requested', approval => {
        if (approval.requestedAt > now) tell(approval)
      }),
    [now],
  )
  const waiting = waitingApprovals.value?.size ?? count
  return (
    <span class="nav-count" data-approvals={waiting}>
      {waiting > 0 && (
        <>
          {waiting}
          <span class="sr-only"> waiting for your approval</span>
        </>
      )}
    </span>
  )
}

/** Where the call is shown anyway, one need not be told of it. */
function tell({ toolName, sessionId }: Waiting): void {
  const { pathname } = location
  const isShown = pathname === '/tools/approvals' || (sessionId && pathname.startsWith(`/sessions/${sessionId}`))
  if (isShown) return
  say(`The tool ${toolName} waits for your approval.`, { link: { label: 'Look', href: '/tools/approvals' } })
}
