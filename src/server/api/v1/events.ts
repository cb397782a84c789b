import { streamSSE } from 'hono/streaming'
import { TalonError } from '../../../protocol/errors.ts'
import { roomBytes } from '../../bounds.ts'
import { requireScope } from '../../http.ts'
import type { Notice } from '../../record.ts'
import { createSubscriptions, type Position } from '../../subscription.ts'
import type { Routes } from '../mount.ts'
import { param } from '../request.ts'

const heartbeatMs = 25_000
const retryMs = 1_000

export const routes: Routes = (http, app) => {
  http.get('/api/v1/sessions/:id/events', async c => {
    const identity = requireScope(c, 'read')
    const at = position(param(c, 'id'), c.req.header('last-event-id'))
    if (!(await app.store.getHead(at.sessionId))) {
      throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId: at.sessionId })
    }
    if (app.streams.size() >= app.config['server.maxConnections']) {
      app.limits.noteRefusal('connections')
      throw new TalonError('OVERLOADED', 'Too many connections.', { retryAfterMs: 5_000 })
    }
    // A HEAD has no body that anybody would read or leave, so its stream would stay open for ever.
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' })
    return streamSSE(c, async stream => {
      const { promise: ended, resolve: end } = Promise.withResolvers<void>()
      let unsent = 0
      let taken = 0
      let waiting: (() => void)[] = []
      const send = (text: string) => {
        unsent += text.length
        stream.write(text).then(() => {
          unsent -= text.length
          taken += text.length
          if (unsent >= roomBytes) return
          for (const resume of waiting.splice(0)) resume()
          subscriptions.drained()
        }, end)
      }
      const subscriptions = createSubscriptions({
        app,
        frameId: app.newId,
        send(notice) {
          send(eventText(notice))
          if (notice.type === 'session.deleted') end()
        },
        replay: notice => send(eventText(notice)),
        hasRoom: () => unsent < roomBytes,
        room: () => new Promise(resolve => waiting.push(resolve)),
        isOpen: () => !stream.aborted && !stream.closed,
        failed: error => {
          app.log.warn({ requestId: c.get('requestId'), sessionId: at.sessionId, err: error }, 'an event stream failed')
          end()
        },
      })
      const leave = app.streams.add({ identity, unsentBytes: () => unsent, takenBytes: () => taken, close: end })
      const heartbeat = setInterval(() => send(': heartbeat\n\n'), heartbeatMs)
      stream.onAbort(end)
      try {
        const { resumed, start } = await subscriptions.subscribe(at)
        // A reader that did not know its place is told it: cut before the first entry it comes back here, not to the head.
        const isNews = at.after === undefined || resumed.reset
        const place = isNews ? `id: ${resumed.epoch}.${resumed.seq - resumed.replayed}\n` : ''
        send(`retry: ${retryMs}\n${place}event: session.resumed\ndata: ${JSON.stringify(resumed)}\n\n`)
        start()
        await ended
      } finally {
        clearInterval(heartbeat)
        leave()
        subscriptions.close()
        for (const resume of waiting) resume()
        waiting = []
      }
    })
  })
}

/** `Last-Event-ID` is `<epoch>.<seq>`; without one the stream begins at the head. */
function position(sessionId: string, lastEventId: string | undefined): Position {
  if (lastEventId === undefined || lastEventId === '') return { sessionId }
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(lastEventId)
  if (!match) throw new TalonError('INVALID_MESSAGE', '"Last-Event-ID" must be <epoch>.<seq>.')
  return { sessionId, epoch: Number(match[1]), after: Number(match[2]) }
}

function eventText(notice: Notice): string {
  // A reset begins the next epoch, so it is a place as well: before its first entry.
  const seq = notice.type === 'session.resumed' ? 0 : notice.seq
  const id = seq === undefined ? '' : `id: ${notice.epoch}.${seq}\n`
  return `${id}event: ${notice.type}\ndata: ${JSON.stringify(notice.payload)}\n\n`
}
