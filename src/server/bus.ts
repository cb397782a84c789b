import type { Change } from '../db/store.ts'
import { writeFrame } from '../protocol/envelope.ts'
import type { EventPayload, EventType } from '../protocol/messages.ts'
import type { Bus, Clock, Notice } from './record.ts'

type Listener = (notice: Notice) => void

/** The bus of one gateway. Its listeners are called at once, in order, and must not throw. */
export function createBus(deps: { clock: Clock; frameId: () => string }): Bus {
  const sessions = new Map<string, Set<Listener>>()
  const lists = new Set<Listener>()
  const everyone = new Set<Listener>()

  const notice = (type: EventType, payload: Record<string, unknown>, place: Partial<Notice> = {}): Notice =>
    createNotice({
      id: place.id ?? deps.frameId(),
      timestamp: place.timestamp ?? deps.clock.now(),
      type,
      payload,
      ...place,
    })
  const toSession = (sessionId: string, sent: Notice) => {
    // A copy, because a listener may end its own subscription.
    for (const listener of [...(sessions.get(sessionId) ?? [])]) listener(sent)
  }
  const toLists = (sent: Notice) => {
    for (const listener of [...lists]) listener(sent)
  }

  return {
    publish(change) {
      publishChange(change, {
        notice,
        toSession,
        toLists,
        watched: id => sessions.has(id),
        listed: () => lists.size > 0,
      })
    },
    emit(type, payload) {
      const { sessionId } = payload
      if (sessionId !== undefined && sessions.has(sessionId)) toSession(sessionId, notice(type, payload, { sessionId }))
    },
    broadcast(type, payload) {
      const sent = notice(type, payload)
      for (const listener of [...everyone]) listener(sent)
    },
    onSession(sessionId, listener) {
      const listeners = sessions.get(sessionId) ?? new Set()
      sessions.set(sessionId, listeners.add(listener))
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0 && sessions.get(sessionId) === listeners) sessions.delete(sessionId)
      }
    },
    onList: listener => join(lists, listener),
    onBroadcast: listener => join(everyone, listener),
  }
}

/** A notice whose text is formatted at the first reading. */
export function createNotice(fields: {
  id: string
  type: EventType
  payload: Record<string, unknown>
  timestamp: number
  sessionId?: string | undefined
  epoch?: number | undefined
  seq?: number | undefined
}): Notice {
  let text: string | undefined
  return {
    id: fields.id,
    type: fields.type,
    payload: fields.payload,
    timestamp: fields.timestamp,
    sessionId: fields.sessionId,
    epoch: fields.epoch,
    seq: fields.seq,
    get text() {
      const { id, type, timestamp, epoch, seq } = fields
      const place = epoch === undefined || seq === undefined ? {} : { epoch, seq }
      text ??= writeFrame({ id, type, timestamp, ...place }, JSON.stringify(fields.payload))
      return text
    },
  }
}

/** The notice of one entry of a log: the same whether it is published live or replayed. */
export function entryNotice({ entry }: Extract<Change, { type: 'entry' }>): Notice {
  const { sessionId, epoch, seq, message } = entry
  const place = { id: message.id, timestamp: message.timestamp, sessionId, epoch, seq }
  if (!entry.final) return createNotice({ ...place, type: 'session.message', payload: { sessionId, message } })
  const payload: EventPayload<'session.message.final'> = { sessionId, runId: message.runId ?? '', message }
  if (message.usage) payload.usage = message.usage
  if (message.model !== undefined) payload.model = message.model
  if (message.incomplete) payload.incomplete = true
  return createNotice({ ...place, type: 'session.message.final', payload })
}

function publishChange(
  change: Change,
  to: {
    notice: (type: EventType, payload: Record<string, unknown>, place?: Partial<Notice>) => Notice
    toSession: (sessionId: string, sent: Notice) => void
    toLists: Listener
    watched: (sessionId: string) => boolean
    listed: () => boolean
  },
): void {
  switch (change.type) {
    case 'entry':
      if (to.watched(change.entry.sessionId)) to.toSession(change.entry.sessionId, entryNotice(change))
      return
    case 'session.created': {
      if (!to.listed()) return
      const { id: sessionId, senderId, channel, title, createdAt, forkedFrom } = change.session
      const payload = { sessionId, senderId, channel, title, createdAt, ...(forkedFrom && { forkedFrom }) }
      return to.toLists(to.notice('session.created', payload, { sessionId }))
    }
    case 'session.updated':
      if (to.listed()) to.toLists(to.notice(change.type, { session: change.session }, { sessionId: change.session.id }))
      return
    case 'session.deleted': {
      const { sessionId } = change
      const sent = to.notice(change.type, { sessionId }, { sessionId })
      // Lists first: a connection that has both is told by its subscription, which ends with this.
      to.toLists(sent)
      return to.toSession(sessionId, sent)
    }
    case 'run.finished': {
      const { id: runId, sessionId, state, error, usage } = change.run
      if (!to.watched(sessionId)) return
      const payload = { sessionId, runId, state, ...(error !== null && { error }), ...(usage && { usage }) }
      return to.toSession(sessionId, to.notice(change.type, payload, { sessionId }))
    }
    case 'session.reset': {
      const { sessionId, epoch } = change
      const payload: EventPayload<'session.resumed'> = { sessionId, epoch, seq: 0, reset: true, replayed: 0, run: null }
      return to.toSession(sessionId, to.notice('session.resumed', payload, { sessionId, epoch }))
    }
  }
}

function join(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
