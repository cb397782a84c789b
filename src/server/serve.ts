import type { Frame } from '../protocol/envelope.ts'
import { TalonError } from '../protocol/errors.ts'
import { fromLegacy, isBeyondLegacy } from '../protocol/legacy.ts'
import type { RequestType } from '../protocol/messages.ts'
import { maxInFlight } from './bounds.ts'
import { dispatch } from './dispatch.ts'
import type { Outlet } from './outlet.ts'
import type { App, Connection, From, Identity } from './record.ts'
import type { SendOrder } from './send-order.ts'

const overloadRetryMs = 100
const sends: ReadonlySet<string> = new Set<RequestType>(['session.send_message', 'channel.message'])
const cancels: RequestType = 'session.cancel'

/** Of one connection, what serving a request needs. */
export interface Serving {
  app: App
  outlet: Outlet
  connection: Connection
  from: From
  order: SendOrder
  inFlight: number
  badFrames: number
}

/** One request of somebody who is signed in. */
export function serve(
  state: Serving,
  frame: Frame,
  identity: Identity,
  fail: (frameId: string | undefined, error: unknown) => void,
): void {
  const { outlet, app, connection, from, order } = state
  if (state.inFlight >= maxInFlight) {
    const refused = `At most ${maxInFlight} requests of one connection wait for an answer.`
    return outlet.error(frame.id, new TalonError('OVERLOADED', refused, { retryAfterMs: overloadRetryMs }))
  }
  const legacy = outlet.dialect === 'legacy'
  if (legacy && isBeyondLegacy(frame.type)) {
    return fail(frame.id, new TalonError('INVALID_MESSAGE', `Unknown message type: ${frame.type}`))
  }
  let after: (() => void)[] | undefined
  const finish = (type: string, payload: Record<string, unknown>) => {
    state.badFrames = 0
    outlet.reply(frame.id, type, payload)
    for (const then of after ?? []) then()
  }
  const afterReply = (then: () => void) => {
    after ??= []
    after.push(then)
  }
  // v0.3 numbered its frames anew in every process, so its ids say nothing about repeats.
  const requestId = legacy ? undefined : frame.id
  const payload = legacy ? fromLegacy(frame.type, frame.payload) : frame.payload
  const trace = app.tracing.accept(frame.traceparent)
  const asking = { caller: identity, connection, from, requestId, afterReply, trace }
  const ask = () => dispatch(app, frame.type, payload, asking)
  const isSend = sends.has(frame.type)
  if (isSend) order.begin()
  try {
    // A cancel that comes right behind a message means that message, which has no run before it is stored.
    const reply = frame.type === cancels ? order.settled().then(ask) : ask()
    if (!(reply instanceof Promise)) return finish(reply.type, reply.payload)
    state.inFlight += 1
    // As one step: each promise in between costs more than a ping.
    const settle = (act: () => void) => {
      try {
        act()
      } catch (error) {
        fail(frame.id, error)
      } finally {
        state.inFlight -= 1
        if (isSend) order.end()
      }
    }
    reply.then(
      ({ type, payload }) => settle(() => finish(type, payload)),
      error => settle(() => fail(frame.id, error)),
    )
  } catch (error) {
    fail(frame.id, error)
    if (isSend) order.end()
  }
}
