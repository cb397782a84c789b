import type { ComponentChildren, JSX } from 'preact'
import type { Message } from '../../protocol/shapes.ts'
import type { Item } from '../conversation/state.ts'
import { Markdown } from './Markdown.tsx'
import { linkify } from './markdown.ts'
import { Time } from './Time.tsx'
import { ToolCard } from './ToolCard.tsx'

/** The items of a log, the same on the server and in the browser. */
export function MessageList(input: {
  items: readonly Item[]
  now: number
  /** The run that works, whose tools may still answer. */
  runId?: string | undefined
}): JSX.Element {
  const { items, now, runId } = input
  return (
    <div role="log" aria-label="Messages">
      <ol class="log">
        {items.map(item =>
          item.kind === 'tool' ? (
            <li key={item.key}>
              <ToolCard use={item.use} isRunning={runId !== undefined && item.runId === runId} />
            </li>
          ) : (
            <li key={item.message.id} id={`m${item.message.seq}`}>
              <MessageView message={item.message} now={now} />
            </li>
          ),
        )}
      </ol>
    </div>
  )
}

function MessageView({ message, now }: { message: Message; now: number }): JSX.Element {
  const time = <Time at={message.timestamp} now={now} />
  if (message.role === 'user') {
    return (
      <UserBubble text={message.content}>
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
        {message.usage && <span>{message.usage.totalTokens} tokens</span>}
        {message.incomplete && <span class="badge badge-warn">Incomplete</span>}
      </AssistantText>
    )
  }
  return (
    <div class="mx-auto max-w-prose text-center text-sm break-words whitespace-pre-wrap text-muted">
      {message.content} {time}
    </div>
  )
}

/** What a person wrote: plain text, with its addresses as links. */
export function UserBubble({ text, children }: { text: string; children?: ComponentChildren }): JSX.Element {
  return (
    <article class="flex flex-col items-end" aria-label="Message of a person">
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
      <footer class="message-meta">{children}</footer>
    </article>
  )
}

/** What the assistant wrote, as Markdown. */
export function AssistantText({ text, children }: { text: string; children?: ComponentChildren }): JSX.Element {
  return (
    <article class="min-w-0" aria-label="Message of the assistant">
      <Markdown text={text} />
      <footer class="message-meta">{children}</footer>
    </article>
  )
}
