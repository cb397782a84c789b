import type { JSX } from 'preact'
import Conversation, { type ConversationProps } from '../../islands/Conversation.tsx'
import { itemsOf } from '../../islands/conversation/state.ts'
import { MessageList } from '../../islands/parts/Message.tsx'
import { SessionTitle, shortId } from '../../islands/parts/SessionRow.tsx'
import { Time } from '../../islands/parts/Time.tsx'
import { TalonError } from '../../protocol/errors.ts'
import type { Session } from '../../protocol/shapes.ts'
import type { App } from '../record.ts'
import { Island } from './island.tsx'
import { definePage } from './page.ts'

const pageSize = 50
// Bounds what a page of long messages costs to render and to send.
const pageBytes = 256 * 1024

interface SessionData {
  session: Session
  conversation: ConversationProps
  /** Whether this is a page of the past: it is not live, and nothing is written there. */
  isPast: boolean
}

export default definePage<SessionData>({
  path: '/sessions/:id',
  scope: 'read',
  title: ({ session }) => session.title || `Session ${shortId(session.id)}`,
  async load(app, { identity, now, param, query }) {
    const session = await app.store.getSession(param('id'))
    if (!session) throw new TalonError('SESSION_NOT_FOUND', 'This session does not exist, or it was deleted.')
    const { id: sessionId, epoch } = session
    const before = positionOf(query('before'))
    const page = await app.store.history({ sessionId, epoch, before, limit: pageSize, maxBytes: pageBytes })
    const messages = page.entries.map(entry => entry.message)
    const start = { sessionId, epoch, messages, hasOlder: page.hasMore, ...(await workOf(app, sessionId)) }
    const conversation = { start, now, canWrite: identity.scopes.has('chat') }
    return { session, conversation, isPast: before !== undefined }
  },
  view: data => <SessionView {...data} />,
})

/** The run that works or waits, and what it has said so far. */
async function workOf(app: App, sessionId: string): Promise<Pick<ConversationProps['start'], 'run' | 'answer'>> {
  const run = await app.store.activeRun(sessionId)
  const live = app.runs.live(sessionId)
  return {
    run: run ? { runId: run.id, state: run.state } : null,
    answer: live && live.runId === run?.id ? { runId: live.runId, text: live.text, index: live.index } : null,
  }
}

function positionOf(text: string | undefined): number | undefined {
  const position = Number(text)
  return text !== undefined && Number.isSafeInteger(position) && position > 0 ? position : undefined
}

function SessionView({ session, conversation, isPast }: SessionData): JSX.Element {
  const { start, now } = conversation
  return (
    <div class="conversation">
      <header class="conversation-head">
        <h1 class="break-words max-sm:text-xl">
          <SessionTitle session={session} />
        </h1>
        <p class="mt-3 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-muted">
          <span class="badge">{session.channel}</span>
          <span class="break-all">{session.senderName ?? session.senderId}</span>
          {session.model && <span class="break-all">{session.model}</span>}
          <span>
            begun <Time at={session.createdAt} now={now} />
          </span>
        </p>
      </header>
      {isPast ? (
        <Past conversation={conversation} />
      ) : (
        <Island name="Conversation" of={Conversation} props={{ ...conversation, start }} class="flex flex-1 flex-col" />
      )}
    </div>
  )
}

/** An older page, for those who follow the link: with JavaScript the newest page loads it into itself. */
function Past({ conversation }: { conversation: ConversationProps }): JSX.Element {
  const { messages, hasOlder, sessionId, run } = conversation.start
  const first = messages[0]
  return (
    <div class="flex flex-col gap-6 pb-10">
      {hasOlder && first && (
        <a class="button self-center" href={`?before=${first.seq}`}>
          Show older messages
        </a>
      )}
      {messages.length === 0 && <p class="empty">There is nothing before this.</p>}
      <MessageList items={itemsOf(messages, {})} now={conversation.now} runId={run?.runId} />
      <a class="button self-center" href={`/sessions/${encodeURIComponent(sessionId)}`}>
        Back to the newest
      </a>
    </div>
  )
}
