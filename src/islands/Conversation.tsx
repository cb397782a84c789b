import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { connection } from './connection.ts'
import { follow, loadOlder } from './conversation/actions.ts'
import { Composer } from './conversation/Composer.tsx'
import {
  type ConversationStart,
  type Conversation as ConversationState,
  createConversation,
} from './conversation/live.ts'
import { useStickToEnd } from './conversation/stick.ts'
import { AssistantText, MessageList, UserBubble } from './parts/Message.tsx'

export interface ConversationProps {
  start: ConversationStart
  /** Unix ms at which the server rendered the page. */
  now: number
  /** False for a reader whose token has no `chat` scope. */
  canWrite: boolean
}

// Long enough to be read, short enough not to be taken for the present.
const noticeMs = 8_000

/** One conversation: the log as the server rendered it, then live. */
export default function Conversation({ start, now, canWrite }: ConversationProps): JSX.Element {
  const conversation = useMemo(() => createConversation(start), [start])
  const resumed = useSignal<number | undefined>(undefined)
  const content = useRef<HTMLDivElement>(null)
  const { atEnd, goToEnd } = useStickToEnd(content)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = follow(conversation, replayed => {
      resumed.value = replayed
      clearTimeout(timer)
      timer = setTimeout(() => {
        resumed.value = undefined
      }, noticeMs)
    })
    return () => {
      clearTimeout(timer)
      stop()
    }
  }, [conversation, resumed])
  // Whoever sends a message wants to see it, wherever they were reading.
  const sending = conversation.pending.value.length > 0
  useEffect(() => {
    if (sending) goToEnd()
  }, [sending])

  return (
    <div ref={content} class="flex flex-1 flex-col">
      <div class="flex flex-1 flex-col gap-6 pb-6">
        <Older conversation={conversation} />
        <Log conversation={conversation} now={now} />
        <LiveAnswer conversation={conversation} />
        <Waiting conversation={conversation} />
      </div>
      <div class="composer-dock">
        {!atEnd && (
          <button type="button" class="button jump" onClick={goToEnd}>
            Go to the newest
          </button>
        )}
        <LinkLine resumed={resumed.value} />
        <Problem conversation={conversation} />
        <Footer conversation={conversation} canWrite={canWrite} />
      </div>
    </div>
  )
}

/** A link that works without JavaScript, and loads into this page with it. */
function Older({ conversation }: { conversation: ConversationState }): JSX.Element | null {
  const first = conversation.messages.value[0]
  if (!conversation.hasOlder.value || !first) return null
  const onClick = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    // The message that the reader saw stays where it was; the browser's own anchoring does not hold at the very top.
    const height = document.documentElement.scrollHeight
    loadOlder(conversation).then(() => {
      requestAnimationFrame(() => scrollBy({ top: document.documentElement.scrollHeight - height }))
    })
  }
  return (
    <a class="button self-center" href={`?before=${first.seq}`} onClick={onClick}>
      Show older messages
    </a>
  )
}

function Log({ conversation, now }: { conversation: ConversationState; now: number }): JSX.Element {
  const items = conversation.items.value
  const isWaiting = conversation.pending.value.length > 0 || conversation.run.value !== null
  if (items.length > 0 || isWaiting) {
    return <MessageList items={items} now={now} runId={conversation.run.value?.runId} />
  }
  return (
    <div class="empty">
      <p class="font-medium text-ink">Nothing was said here yet</p>
      <p>Write the first message below. The answer appears as it is written.</p>
    </div>
  )
}

/** The answer that is being written. It reads its own signal, so that a new word renders this and nothing else. */
function LiveAnswer({ conversation }: { conversation: ConversationState }): JSX.Element | null {
  const answer = conversation.answer.value
  const run = conversation.run.value
  if (answer?.text) {
    return (
      <div class="streaming" aria-busy="true">
        <AssistantText text={answer.text}>
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

function Waiting({ conversation }: { conversation: ConversationState }): JSX.Element {
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

/** The connection in one line, only where there is something to know. */
function LinkLine({ resumed }: { resumed: number | undefined }): JSX.Element {
  const { status } = connection.value
  let text = ''
  if (status === 'reconnecting') text = 'Connection lost. Reconnecting …'
  else if (status === 'open' && resumed !== undefined) text = `Reconnected. ${resumedWords(resumed)}`
  return (
    <p class="link-line" role="status" data-link={status}>
      {text}
    </p>
  )
}

function resumedWords(replayed: number): string {
  if (replayed === 0) return 'Nothing was missed.'
  return `Resumed ${replayed} ${replayed === 1 ? 'message' : 'messages'}.`
}

function Problem({ conversation }: { conversation: ConversationState }): JSX.Element | null {
  const { problem } = conversation
  if (problem.value === undefined) return null
  return (
    <div class="alert alert-danger" role="alert">
      <span class="min-w-0 flex-1 break-words">{problem.value}</span>
      <button
        type="button"
        class="button button-quiet"
        onClick={() => {
          problem.value = undefined
        }}
      >
        Dismiss
      </button>
    </div>
  )
}

function Footer({ conversation, canWrite }: { conversation: ConversationState; canWrite: boolean }): JSX.Element {
  if (conversation.deleted.value) {
    return (
      <div class="alert" role="status">
        <span class="flex-1">This session was deleted.</span>
        <a class="button" href="/sessions">
          All sessions
        </a>
      </div>
    )
  }
  if (!canWrite) return <p class="alert">You can read this session. Writing needs a token with the scope “chat”.</p>
  return (
    <>
      <Composer conversation={conversation} />
      <noscript>
        <p class="alert mt-2">Reading works without JavaScript; writing needs it.</p>
      </noscript>
    </>
  )
}
