import { type ReadonlySignal, type Signal, useComputed, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { Approval } from './approvals/inbox.ts'
import { connection } from './connection.ts'
import { type About, createAbout, followAbout } from './conversation/about.ts'
import { follow, fork } from './conversation/actions.ts'
import { Composer } from './conversation/Composer.tsx'
import { Head, type HeadFacts } from './conversation/Head.tsx'
import { Log } from './conversation/Log.tsx'
import {
  type ConversationStart,
  type Conversation as ConversationState,
  createConversation,
} from './conversation/live.ts'
import { loadNewest } from './conversation/paging.ts'
import { useTarget } from './conversation/place.ts'
import { useStickToEnd } from './conversation/stick.ts'
import type { Command } from './conversation/suggestions.ts'
import { waitingApprovals } from './parts/approvals.ts'

export interface ConversationProps {
  start: ConversationStart
  about: About
  facts: HeadFacts
  commands: readonly Command[]
  /** Calls of tools that wait for a person: whole for whoever may allow them, else only what waits. */
  approvals: readonly Approval[]
  waitingTools: readonly string[]
  /** What the composer holds at first. */
  draft?: string
  /** Unix ms at which the server rendered the page. */
  now: number
  /** False for a reader whose token has no `chat` scope. */
  canWrite: boolean
  canApprove: boolean
}

// Long enough to be read, short enough not to be taken for the present.
const noticeMs = 8_000

/** One conversation: the log as the server rendered it, then live. */
export default function Conversation(props: ConversationProps): JSX.Element {
  const { start, now, canWrite, canApprove } = props
  const conversation = useMemo(() => createConversation(start), [start])
  const about = useMemo(() => createAbout(props.about), [props.about])
  const resumed = useSignal<number | undefined>(undefined)
  const content = useRef<HTMLDivElement>(null)
  const { atEnd, goToEnd } = useStickToEnd(content)
  const approvals = useApprovals(start.sessionId, props.approvals)
  useTarget(conversation)
  useEffect(() => followAbout(start.sessionId, about), [start.sessionId, about])
  useFollowing(conversation, resumed)
  // Whoever sends a message wants to see it, wherever they were reading.
  const sending = conversation.pending.value.length > 0
  const goToNewest = async () => {
    await loadNewest(conversation)
    goToEnd()
  }
  useEffect(() => {
    if (sending) goToNewest()
  }, [sending])
  const goToFork = async (atSeq: number, query: string) => {
    try {
      location.assign(`/sessions/${encodeURIComponent(await fork(conversation, atSeq))}${query}`)
    } catch (error) {
      conversation.problem.value =
        error instanceof Error ? `The fork was not made. ${error.message}` : 'The fork was not made.'
    }
  }
  const setting = useMemo(
    () => ({
      ...{ sessionId: start.sessionId, now, prices: conversation.prices, canWrite },
      onEdit: (seq: number) => goToFork(seq - 1, '?edit=1'),
      onFork: (seq: number) => goToFork(seq, ''),
    }),
    [conversation],
  )

  return (
    <div ref={content} class="flex flex-1 flex-col">
      <Head {...{ conversation, about, facts: props.facts, now, canWrite, canApprove }} />
      <Log {...{ conversation, setting, approvals, canWrite, canApprove, waitingTools: props.waitingTools }} />
      <div class="composer-dock">
        {(!atEnd || conversation.hasNewer.value) && (
          <button type="button" class="button jump needs-script" onClick={goToNewest}>
            Go to the newest
          </button>
        )}
        <LinkLine resumed={resumed.value} />
        <Problem conversation={conversation} />
        <Footer conversation={conversation} canWrite={canWrite} commands={props.commands} draft={props.draft} />
      </div>
    </div>
  )
}

/** What waits in this session: as the server said, until the page's connection has heard of it. */
function useApprovals(sessionId: string, start: readonly Approval[]): ReadonlySignal<readonly Approval[]> {
  return useComputed(() => {
    const heard = waitingApprovals.value
    if (!heard) return start
    return [...heard.values()].filter(approval => approval.sessionId === sessionId)
  })
}

function useFollowing(conversation: ConversationState, resumed: Signal<number | undefined>): void {
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

interface FooterInput {
  conversation: ConversationState
  canWrite: boolean
  commands: readonly Command[]
  draft: string | undefined
}

function Footer({ conversation, canWrite, commands, draft }: FooterInput): JSX.Element {
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
  return <Composer conversation={conversation} commands={commands} draft={draft} />
}
