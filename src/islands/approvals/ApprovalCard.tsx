import type { JSX, TargetedSubmitEvent } from 'preact'
import { shortId } from '../parts/SessionRow.tsx'
import { visible } from '../parts/visible.ts'
import { Arguments } from '../tools/Arguments.tsx'
import { Fact } from '../tools/Fact.tsx'
import { whoOf } from '../tools/words.ts'
import type { Choice } from './answer.ts'
import { type Approval, timeLeft } from './inbox.ts'

export interface ApprovalCardInput {
  approval: Approval
  /** Unix ms by the gateway's clock. */
  now: number
  /** Names of tokens by their ids, as far as whoever looks may know them. */
  names: Readonly<Record<string, string>>
  /** Whether an answer is under way. */
  isBusy: boolean
  /** Absent where the form is sent, as without JavaScript. */
  onAnswer?: ((choice: Choice) => void) | undefined
  /** Where the form is sent to, if that is not the inbox. */
  action?: string
}

/** One call of a tool that waits: all that an answer is bound to, and the answers. */
export function ApprovalCard(input: ApprovalCardInput): JSX.Element {
  const { approval, now, names, isBusy, onAnswer, action = '/tools/approvals' } = input
  const { approvalId, toolName, permission, sessionId, requestedBy, subject, remember, tainted } = approval
  const id = `approval-${approvalId}`
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    if (!onAnswer) return
    event.preventDefault()
    // The value of one of the buttons below.
    if (event.submitter instanceof HTMLButtonElement) onAnswer(event.submitter.value as Choice)
  }
  const buttons = [
    { value: 'allow', label: 'Allow once', look: 'button-primary' },
    ...(remember.includes('session') ? [{ value: 'allow:session', label: 'For this session', look: '' }] : []),
    ...(remember.includes('always') ? [{ value: 'allow:always', label: 'Always for exactly this', look: '' }] : []),
    { value: 'deny', label: 'Deny', look: 'text-danger' },
  ]
  return (
    <article class="card approval" aria-labelledby={id} data-approval={approvalId} tabIndex={-1}>
      <header class="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 id={id} class="font-mono break-all">
          {toolName}
        </h3>
        <span class="badge">{permission}</span>
        {tainted && <span class="badge badge-warn">after text of others</span>}
        <span class="ml-auto text-sm tabular-nums text-muted" data-left>
          {timeLeft(approval.expiresAt - now)} left
        </span>
      </header>
      <p class="mt-1 text-sm text-muted">{approval.reason}</p>
      <div class="my-3 border-y border-line py-3">
        <Arguments args={approval.args} />
      </div>
      <dl class="tool-facts">
        <Fact name="Works in">
          <code class="break-all">{visible(approval.workspace)}</code>
        </Fact>
        <Fact name="Asked by">{whoOf(requestedBy, names)}</Fact>
        {sessionId !== undefined && (
          <Fact name="Session">
            <a href={`/sessions/${encodeURIComponent(sessionId)}`}>{shortId(sessionId)}</a>
            {subject !== undefined && (
              <>
                ; “for this session” covers all of <code class="break-all">{visible(subject)}</code>
              </>
            )}
          </Fact>
        )}
        <Fact name="Rule">
          <code>{approval.rule}</code>, profile <code>{approval.profile}</code>
        </Fact>
      </dl>
      <form class="mt-4 flex flex-wrap gap-2" method="post" action={action} onSubmit={submit}>
        <input type="hidden" name="action" value="answer" />
        <input type="hidden" name="approvalId" value={approvalId} />
        <input type="hidden" name="toolName" value={toolName} />
        {buttons.map(({ value, label, look }) => (
          <button key={value} type="submit" name="choice" value={value} class={`button ${look}`} disabled={isBusy}>
            {label}
          </button>
        ))}
      </form>
    </article>
  )
}
