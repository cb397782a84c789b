import { type ReadonlySignal, useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { useRef } from 'preact/hooks'
import { ApprovalCard } from '../approvals/ApprovalCard.tsx'
import { answer } from '../approvals/answer.ts'
import type { Approval } from '../approvals/inbox.ts'
import { useGatewayClock } from '../parts/clock.ts'
import { AssistantText, MessageList, type MessageSetting, UserBubble } from '../parts/Message.tsx'
import { lastQuestion, retry } from './actions.ts'
import type { Conversation } from './live.ts'
import { loadNewer, loadOlder } from './paging.ts'
import { useKeptPlace, useNear } from './place.ts'

interface LogInput {
  conversation: Conversation
  setting: MessageSetting
  approvals: ReadonlySignal<readonly Approval[]>
  waitingTools: readonly string[]
  canWrite: boolean
  canApprove: boolean
}

/** What was said, what is being said, and what waits for a person. */
export function Log(input: LogInput): JSX.Element {
  const { conversation, setting } = input
  const isAtEnd = !conversation.hasNewer.value
  return (
    <section class="flex flex-1 flex-col gap-6 pb-6" aria-labelledby="said">
      <h2 id="said" class="sr-only">
        Conversation
      </h2>
      <Older conversation={conversation} />
      <Messages conversation={conversation} setting={setting} />
      <Newer conversation={conversation} />
      {isAtEnd && <Approvals {...input} />}
      {isAtEnd && <LiveAnswer conversation={conversation} />}
      {isAtEnd && <Retry {...input} />}
      <Waiting conversation={conversation} />
    </section>
  )
}

/** A link that works without JavaScript, and loads into this page with it: by itself, when somebody scrolls there. */
function Older({ conversation }: { conversation: Conversation }): JSX.Element | null {
  const messages = conversation.messages.value
  const link = useRef<HTMLAnchorElement>(null)
  const load = () => void loadOlder(conversation)
  useNear(link, messages, load)
  const first = messages[0]
  if (!conversation.hasOlder.value || !first) return null
  return (
    <a ref={link} class="button self-center" href={`?before=${first.seq}`} onClick={instead(load)}>
      {conversation.isReading.value ? 'Reading …' : 'Show older messages'}
    </a>
  )
}

function Newer({ conversation }: { conversation: Conversation }): JSX.Element | null {
  const messages = conversation.messages.value
  const link = useRef<HTMLAnchorElement>(null)
  const load = () => void loadNewer(conversation)
  useNear(link, messages, load)
  const last = messages.at(-1)
  if (!conversation.hasNewer.value || !last) return null
  return (
    <a ref={link} class="button self-center" href={`?after=${last.seq}`} onClick={instead(load)}>
      {conversation.isReading.value ? 'Reading …' : 'Show newer messages'}
    </a>
  )
}

function instead(work: () => void) {
  return (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    work()
  }
}

function Messages({ conversation, setting }: Pick<LogInput, 'conversation' | 'setting'>): JSX.Element {
  const { target, attachments, streams, run, pending } = conversation
  const items = conversation.items.value
  const list = useRef<HTMLOListElement>(null)
  useKeptPlace(list, items)
  const isWaiting = pending.value.length > 0 || run.value !== null
  if (items.length === 0 && !isWaiting) {
    return (
      <div class="empty">
        <p class="font-medium text-ink">Nothing was said here yet</p>
        <p>Write the first message below. The answer appears as it is written.</p>
      </div>
    )
  }
  return (
    <div role="log" aria-label="Messages">
      <ol ref={list} class="log">
        <MessageList
          {...{ items, setting, streams }}
          runId={run.value?.runId}
          target={target.value}
          attachments={attachments.value}
        />
      </ol>
    </div>
  )
}

/** The calls that wait for a person: with the answers for whoever may give one. */
function Approvals(input: LogInput): JSX.Element | null {
  const { setting, canApprove, waitingTools, conversation } = input
  const approvals = input.approvals.value
  const busy = useSignal<string | undefined>(undefined)
  const now = useGatewayClock(setting.now, approvals.length > 0)
  if (!canApprove) return <WhoMayAllow conversation={conversation} waitingTools={waitingTools} />
  if (approvals.length === 0) return null
  return (
    <section class="flex flex-col gap-3" aria-labelledby="approvals" aria-live="polite">
      <h2 id="approvals" class="text-base">
        {approvals.length === 1 ? 'A tool waits for your answer' : `${approvals.length} tools wait for your answer`}
      </h2>
      {approvals.map(approval => (
        <ApprovalCard
          key={approval.approvalId}
          {...{ approval, now, names: {} }}
          action={`/sessions/${encodeURIComponent(setting.sessionId)}`}
          isBusy={busy.value === approval.approvalId}
          onAnswer={async choice => {
            busy.value = approval.approvalId
            await answer(approval, choice)
            busy.value = undefined
          }}
        />
      ))}
    </section>
  )
}

/**
 * Who can let a tool go on, for whoever cannot. Only those who can are told by the gateway what waits; others know it of what waited
 * when the page was loaded, and of the rest that it takes long.
 */
function WhoMayAllow({
  conversation,
  waitingTools,
}: Pick<LogInput, 'conversation' | 'waitingTools'>): JSX.Element | null {
  const last = conversation.items.value.at(-1)
  if (!conversation.run.value || last?.kind !== 'tool' || last.use.output !== undefined) return null
  // What writes something was let run.
  if (conversation.streams.value[last.key] !== undefined) return null
  const { toolName } = last.use
  const needed = 'That needs a token with the scope “approve”.'
  return waitingTools.includes(toolName) ? (
    <p class="alert alert-warn" role="status">
      {toolName} waited for a person who allows it when this page was loaded. {needed}
    </p>
  ) : (
    <p class="alert is-late" role="status">
      {toolName} is at work, or waits for a person who allows it. {needed}
    </p>
  )
}

/** The answer that is being written. It reads its own signal, so that a new word renders this and nothing else. */
function LiveAnswer({ conversation }: { conversation: Conversation }): JSX.Element | null {
  const answer = conversation.answer.value
  const run = conversation.run.value
  if (answer?.text) {
    return (
      <div class="streaming" aria-busy="true">
        <AssistantText text={answer.text} growing>
          <span>writing</span>
        </AssistantText>
      </div>
    )
  }
  if (!run) return null
  return (
    <p class="thinking" role="status">
      <i />
      <i />
      <i />
      <span class="sr-only">
        {run.state === 'queued' ? 'The answer waits for its turn.' : 'The assistant is working.'}
      </span>
    </p>
  )
}

/** Another answer to the newest question. What was answered before stays in the log. */
function Retry({ conversation, setting, canWrite }: LogInput): JSX.Element | null {
  const { messages, run, pending, deleted } = conversation
  const isBusy = run.value !== null || pending.value.length > 0 || deleted.value
  if (!canWrite || isBusy || lastQuestion(messages.value) === undefined) return null
  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    retry(conversation)
  }
  return (
    <form class="-mt-3" method="post" action={`/sessions/${encodeURIComponent(setting.sessionId)}`} onSubmit={onSubmit}>
      <input type="hidden" name="action" value="retry" />
      <button type="submit" class="action">
        {messages.value.at(-1)?.role === 'user' ? 'No answer came. Ask again' : 'Ask again'}
      </button>
    </form>
  )
}

function Waiting({ conversation }: { conversation: Conversation }): JSX.Element {
  return (
    <>
      {conversation.pending.value.map(waiting => (
        <div key={waiting.requestId} class="opacity-60" data-pending>
          <UserBubble text={waiting.text}>
            <span>sending</span>
          </UserBubble>
        </div>
      ))}
    </>
  )
}
