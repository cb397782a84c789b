import type { ConversationStart } from '../../islands/conversation/live.ts'
import { readKnownTools } from '../../islands/conversation/records.ts'
import type { Spent } from '../../islands/conversation/spending.ts'
import type { Message, Session } from '../../protocol/shapes.ts'
import type { App } from '../record.ts'
import type { PageContext } from './page.ts'
import { pricesOf } from './session-prices.ts'

const pageSize = 50
// On each side of a message that a link leads to.
const aroundSize = 25
// Bounds what a page of long messages costs to render and to send.
const pageBytes = 256 * 1024
const maxAttachments = 200

/** The part of a log that the address asks for, and all that a conversation begins with. */
export async function conversationStart(app: App, session: Session, context: PageContext): Promise<ConversationStart> {
  const { id: sessionId, epoch } = session
  const [window, work, attachments, spent] = await Promise.all([
    windowOf(app, session, context),
    workOf(app, sessionId),
    app.attachments.list(sessionId),
    spentIn(app, sessionId),
  ])
  const { messages } = window
  const tools = await readKnownTools(messages, page => context.ask('tools.history', { sessionId, ...page }))
  const last = messages.at(-1)?.seq ?? 0
  return {
    ...{ sessionId, epoch, ...window, ...work, tools, spent },
    attachments: attachments.slice(0, maxAttachments).map(({ id, name, mime, bytes }) => ({ id, name, mime, bytes })),
    prices: pricesOf(app),
    ...(session.seq > last && { head: session.seq }),
  }
}

interface Window {
  messages: Message[]
  hasOlder: boolean
}

/** What is around an entry (`?at=`), before one, after one, or the newest. */
async function windowOf(app: App, session: Session, { query }: PageContext): Promise<Window> {
  const [at, before, after] = ['at', 'before', 'after'].map(name => positionOf(query(name)))
  const read = async (place: { before?: number; after?: number; limit: number }) => {
    const asked = { sessionId: session.id, epoch: session.epoch, maxBytes: pageBytes, ...place }
    const { entries, hasMore } = await app.store.history(asked)
    return { messages: entries.map(entry => entry.message), hasMore }
  }
  if (before !== undefined) {
    const { messages, hasMore } = await read({ before, limit: pageSize })
    return { messages, hasOlder: hasMore }
  }
  if (after !== undefined) {
    const { messages } = await read({ after, limit: pageSize })
    return { messages, hasOlder: (messages[0]?.seq ?? 1) > 1 }
  }
  const newest = at === undefined || at > session.seq - aroundSize ? await read({ limit: pageSize }) : undefined
  const isThere = at === undefined || at > session.seq || newest?.messages.some(({ seq }) => seq === at)
  if (newest && isThere) return { messages: newest.messages, hasOlder: newest.hasMore }
  const place = at ?? session.seq
  const [older, newer] = await Promise.all([
    read({ before: place + 1, limit: aroundSize }),
    read({ after: place, limit: aroundSize }),
  ])
  return { messages: [...older.messages, ...newer.messages], hasOlder: older.hasMore }
}

function positionOf(text: string | undefined): number | undefined {
  const position = Number(text)
  return text !== undefined && Number.isSafeInteger(position) && position > 0 ? position : undefined
}

/** The run that works or waits, and what it has said so far. */
async function workOf(app: App, sessionId: string): Promise<Pick<ConversationStart, 'run' | 'answer'>> {
  const run = await app.store.activeRun(sessionId)
  const live = app.runs.live(sessionId)
  return {
    run: run ? { runId: run.id, state: run.state } : null,
    answer: live && live.runId === run?.id ? { runId: live.runId, text: live.text, index: live.index } : null,
  }
}

const microUsdPerUsd = 1_000_000

async function spentIn(app: App, sessionId: string): Promise<Spent> {
  const [{ runs, inputTokens, outputTokens }, { microUsd, unpricedCalls }] = await Promise.all([
    app.store.sessionUsage(sessionId),
    app.store.sessionSpending(sessionId),
  ])
  // Where nothing was spent there is nothing to say.
  const costUsd = microUsd === null || microUsd === 0 ? null : microUsd / microUsdPerUsd
  return { runs, inputTokens, outputTokens, costUsd, hasUnpriced: unpricedCalls > 0 }
}
