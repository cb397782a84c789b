import type { ComponentChildren, JSX } from 'preact'
import type { SessionItem } from '../../protocol/shapes.ts'
import { Time } from './Time.tsx'

/** One session of a list. `children` are its controls, and `before` one that stands first. */
export function SessionRow(input: {
  session: SessionItem
  now: number
  before?: ComponentChildren
  children?: ComponentChildren
}): JSX.Element {
  const { session, now, before, children } = input
  return (
    <li class="row">
      {before}
      <div class="flex min-w-0 flex-1 flex-col gap-1 sm:flex-row sm:items-center sm:gap-5">
        <div class="min-w-0 flex-1">
          <a class="row-link" data-id={session.id} href={`/sessions/${encodeURIComponent(session.id)}`}>
            <SessionTitle session={session} />
          </a>
          <p class="mt-1 flex min-w-0 items-center gap-x-2 text-sm text-muted">
            <span class="badge">{session.channel === 'delegate' ? 'sub-session' : session.channel}</span>
            <span class="min-w-0 truncate">{session.senderId}</span>
            {session.model && <span class="min-w-0 truncate max-sm:hidden">{session.model}</span>}
          </p>
        </div>
        <p class="flex gap-x-3 text-sm whitespace-nowrap text-muted sm:flex-col sm:gap-y-1 sm:text-right">
          <Time at={session.lastActiveAt} now={now} />
          <span>{countMessages(session.messageCount)}</span>
        </p>
      </div>
      {children}
    </li>
  )
}

/** A session's title, or words for one that has none. */
export function SessionTitle({ session }: { session: { id: string; title: string | null } }): JSX.Element {
  if (session.title) return <>{session.title}</>
  return (
    <>
      <span class="text-muted">Untitled</span> <span class="font-mono text-sm text-muted">{shortId(session.id)}</span>
    </>
  )
}

/** Enough of an id to tell two apart; the end, because ids that sort by time begin alike. */
export function shortId(id: string): string {
  return id.length > 8 ? id.slice(-8) : id
}

/** A number of messages, in words. */
export function countMessages(count: number): string {
  return count === 1 ? '1 message' : `${count.toLocaleString('en')} messages`
}
