import type { ReadonlySignal } from '@preact/signals'
import type { ComponentChildren, JSX, TargetedSubmitEvent } from 'preact'
import { useMemo } from 'preact/hooks'
import type { Message } from '../../protocol/shapes.ts'
import type { Attachment } from '../conversation/live.ts'
import { costUsd, type Prices, tokens, usd } from '../conversation/spending.ts'
import type { Item } from '../conversation/state.ts'
import { CopyButton } from './CopyButton.tsx'
import { Markdown } from './Markdown.tsx'
import { linkify } from './markdown.ts'
import { Time } from './Time.tsx'
import { ToolCard } from './ToolCard.tsx'

/** What messages of one conversation have in common. The same object as long as nothing of it changes. */
export interface MessageSetting {
  sessionId: string
  now: number
  prices: Prices
  /** Whether whoever looks may say something, and so begin a fork. */
  canWrite: boolean
  /** Makes a fork that ends before a message, to say it in other words. Absent where the form is sent. */
  onEdit?: (seq: number) => void
  /** The same, with the message in it. */
  onFork?: (seq: number) => void
}

export interface MessageListInput {
  items: readonly Item[]
  setting: MessageSetting
  /** The run that works, whose tools may still answer. */
  runId?: string | undefined
  /** The message that somebody followed a link to. */
  target?: number | undefined
  attachments?: readonly Attachment[] | undefined
  streams?: ReadonlySignal<Readonly<Record<string, string>>> | undefined
}

/** The items of a log, the same on the server and in the browser. */
export function MessageList({ items, setting, runId, target, ...tools }: MessageListInput): JSX.Element[] {
  return items.map(item => {
    if (item.kind === 'message') {
      const { seq } = item.message
      return (
        <li key={item.message.id} id={`m${seq}`} tabIndex={-1} class={seq === target ? 'is-target' : undefined}>
          <Kept message={item.message} setting={setting} />
        </li>
      )
    }
    const [first, ...others] = item.seqs
    const isTarget = target !== undefined && item.seqs.includes(target)
    const id = first === undefined ? undefined : `m${first}`
    return (
      <li key={item.key} id={id} tabIndex={-1} class={isTarget ? 'is-target' : undefined}>
        {others.map(seq => (
          <span key={seq} id={`m${seq}`} tabIndex={-1} />
        ))}
        <ToolCard item={item} isRunning={runId !== undefined && item.runId === runId} isOpen={isTarget} {...tools} />
      </li>
    )
  })
}

/** A message that did not change is not looked at again: lists are long, and grow by one. */
function Kept({ message, setting }: { message: Message; setting: MessageSetting }): JSX.Element {
  return useMemo(() => <MessageView message={message} setting={setting} />, [message, setting])
}

function MessageView({ message, setting }: { message: Message; setting: MessageSetting }): JSX.Element {
  const time = <Time at={message.timestamp} now={setting.now} />
  if (message.role === 'user') {
    return (
      <UserBubble text={message.content}>
        <Actions message={message} setting={setting} />
        {message.senderName && <span class="truncate">{message.senderName}</span>}
        {time}
      </UserBubble>
    )
  }
  if (message.role === 'assistant') {
    return (
      <AssistantText text={message.content}>
        {message.model && <span class="truncate">{message.model}</span>}
        {time}
        <Used message={message} prices={setting.prices} />
        {message.incomplete && <span class="badge badge-warn">Incomplete</span>}
        <Actions message={message} setting={setting} />
      </AssistantText>
    )
  }
  return (
    <div class="mx-auto max-w-prose text-center text-sm break-words whitespace-pre-wrap text-muted">
      {message.content} {time}
    </div>
  )
}

/** What one answer took: tokens, and money where the price is known and there is one. */
function Used({ message: { usage, model }, prices }: { message: Message; prices: Prices }): JSX.Element | null {
  if (!usage) return null
  const cost = costUsd(usage, model, prices)
  return (
    <span title={`${tokens(usage.inputTokens)} in, ${tokens(usage.outputTokens)} out`}>
      {tokens(usage.totalTokens)}
      {cost !== undefined && cost > 0 && `, about ${usd(cost)}`}
    </span>
  )
}

/** What can be done with a message. Links and forms, so that it can be done without a script too. */
function Actions({ message, setting }: { message: Message; setting: MessageSetting }): JSX.Element {
  const { content, seq, role, runId } = message
  const { sessionId, canWrite, onEdit, onFork } = setting
  const path = `/sessions/${encodeURIComponent(sessionId)}`
  const link = `${path}?at=${seq}#m${seq}`
  const isUser = role === 'user'
  return (
    <span class="message-actions">
      <CopyButton text={content} label="Copy" class="action" />
      <CopyButton text={() => new URL(link, location.href).href} label="Copy link" class="action" />
      {canWrite && isUser && (
        <Fork path={path} atSeq={seq - 1} edits label="Edit in a fork" onFork={() => onEdit?.(seq)} isLive={!!onEdit} />
      )}
      {canWrite && !isUser && (
        <Fork path={path} atSeq={seq} label="Fork here" onFork={() => onFork?.(seq)} isLive={!!onFork} />
      )}
      <a class="action no-script" href={link}>
        Permanent link
      </a>
      {!isUser && runId !== undefined && (
        <a class="action" href={`${path}/trace?run=${encodeURIComponent(runId)}`}>
          Trace
        </a>
      )}
    </span>
  )
}

function Fork(input: {
  path: string
  atSeq: number
  edits?: true
  label: string
  isLive: boolean
  onFork: () => void
}): JSX.Element {
  const { path, atSeq, edits, label, isLive, onFork } = input
  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    if (!isLive) return
    event.preventDefault()
    onFork()
  }
  return (
    <form class="contents" method="post" action={path} onSubmit={onSubmit}>
      <input type="hidden" name="action" value="fork" />
      <input type="hidden" name="atSeq" value={atSeq} />
      {edits && <input type="hidden" name="edit" value="1" />}
      <button type="submit" class="action">
        {label}
      </button>
    </form>
  )
}

/** What a person wrote: plain text, with its addresses as links. */
export function UserBubble({ text, children }: { text: string; children?: ComponentChildren }): JSX.Element {
  return (
    <article class="message flex flex-col items-end" aria-label="Message of a person">
      <div class="bubble">
        {linkify(text).map(part =>
          part.href === undefined ? (
            part.text
          ) : (
            <a href={part.href} target="_blank" rel="noopener noreferrer nofollow">
              {part.text}
            </a>
          ),
        )}
      </div>
      <footer class="message-meta justify-end">{children}</footer>
    </article>
  )
}

/** What the assistant wrote, as Markdown; `growing` while it is written. */
export function AssistantText(input: { text: string; growing?: boolean; children?: ComponentChildren }): JSX.Element {
  const { text, growing = false, children } = input
  return (
    <article class="message min-w-0" aria-label="Message of the assistant">
      <Markdown text={text} growing={growing} />
      <footer class="message-meta">{children}</footer>
    </article>
  )
}
