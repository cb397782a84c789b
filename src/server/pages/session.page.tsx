import type { JSX } from 'preact'
import Conversation, { type ConversationProps } from '../../islands/Conversation.tsx'
import { aboutOf } from '../../islands/conversation/about.ts'
import { shortId } from '../../islands/parts/SessionRow.tsx'
import { TalonError } from '../../protocol/errors.ts'
import { profiles, type Session } from '../../protocol/shapes.ts'
import type { App } from '../record.ts'
import { Island } from './island.tsx'
import { modelNames } from './models.ts'
import { definePage, type PageContext } from './page.ts'
import { sessionActions } from './session-actions.ts'
import { conversationStart } from './session-window.ts'

interface SessionData {
  session: Session
  conversation: ConversationProps
  /** What was entered in a form that failed. */
  unsent: string | undefined
}

export default definePage<SessionData>({
  path: '/sessions/:id',
  scope: 'read',
  title: ({ session }) => session.title || `Session ${shortId(session.id)}`,
  async load(app, context) {
    const { identity, now, param, sent } = context
    const session = await app.store.getSession(param('id'))
    if (!session) throw new TalonError('SESSION_NOT_FOUND', 'This session does not exist, or it was deleted.')
    const waiting = app.approvals.open().filter(({ sessionId }) => sessionId === session.id)
    const canApprove = identity.scopes.has('approve')
    const draft = await draftOf(app, session, context)
    const conversation = {
      start: await conversationStart(app, session, context),
      about: { ...aboutOf(session), elevatedUntil: app.approvals.elevatedUntil(session.id) },
      facts: factsOf(app, session),
      commands: app.runs.commands,
      approvals: canApprove ? waiting : [],
      waitingTools: canApprove ? [] : waiting.map(({ toolName }) => toolName),
      ...(draft !== undefined && { draft }),
      ...{ now, canWrite: identity.scopes.has('chat'), canApprove },
    }
    const unsent = sent?.action === 'send' ? (sent.form.get('text') ?? undefined) : undefined
    return { session, conversation, unsent }
  },
  actions: sessionActions,
  view: data => <SessionView {...data} />,
})

function factsOf(app: App, session: Session): ConversationProps['facts'] {
  const { channel, senderName, senderId, createdAt, forkedFrom } = session
  return {
    ...{ channel, createdAt, forkedFrom, profiles },
    sender: senderName ?? senderId,
    models: modelNames(app),
    defaultProfile: app.config['tools.profile'],
  }
}

/** The message behind the fork, for whoever wants to say it in other words (`?edit=1`); undefined if it cannot be read any more. */
async function draftOf(app: App, { forkedFrom }: Session, { query }: PageContext): Promise<string | undefined> {
  if (!forkedFrom || query('edit') === undefined) return undefined
  const { sessionId, epoch, seq } = forkedFrom
  const place = { sessionId, epoch, after: seq, limit: 1, maxBytes: 1 }
  const { entries } = await app.store.history(place).catch(() => ({ entries: [] }))
  const message = entries[0]?.message
  return message?.role === 'user' ? message.content : undefined
}

function SessionView({ session, conversation, unsent }: SessionData): JSX.Element {
  return (
    <div class="conversation">
      <Island name="Conversation" of={Conversation} props={conversation} class="flex flex-1 flex-col" />
      {conversation.canWrite && (
        <noscript>
          <PlainComposer session={session} conversation={conversation} text={unsent ?? conversation.draft} />
        </noscript>
      )}
    </div>
  )
}

/** Writing without a script: a form, and a link to what was said since. */
function PlainComposer(input: {
  session: Session
  conversation: ConversationProps
  text: string | undefined
}): JSX.Element {
  const { session, conversation, text } = input
  const path = `/sessions/${encodeURIComponent(session.id)}`
  const { run, head } = conversation.start
  return (
    <div class="flex flex-col gap-3 pb-6">
      <form class="flex flex-col gap-2" method="post" action={path}>
        <input type="hidden" name="action" value="send" />
        <label class="label" for="plain-text">
          Message
        </label>
        <textarea id="plain-text" class="input py-2" name="text" rows={4} required>
          {text}
        </textarea>
        <button type="submit" class="button button-primary self-start">
          Send
        </button>
      </form>
      <div class="flex flex-wrap gap-3">
        {run && (
          <form method="post" action={path}>
            <input type="hidden" name="action" value="stop" />
            <button type="submit" class="button">
              Stop
            </button>
          </form>
        )}
        {(run || head !== undefined) && (
          <a class="button" href={path}>
            Show the newest
          </a>
        )}
      </div>
    </div>
  )
}
